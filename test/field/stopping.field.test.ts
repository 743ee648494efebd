/** Stopping a worker whose investigation does not finish before the deadline (DRAIN_MS, 20 s), or whose MCP server does not end. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, endBeforeCleanup, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

const HOSTILE = join(import.meta.dirname, '..', 'support', 'mcp-hostile.mjs');

/** True if the process runs. One that has ended may wait for its parent to reap it. */
function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

test('a stopping worker returns an unfinished investigation to the queue at the deadline, and another worker runs it', async ({
  ns,
  logPath,
}) => {
  const { slack, anthropic, env } = await doubles();
  anthropic.next.push(() => undefined);
  const all = environment(ns, logPath, env);
  const { worker } = await startTailerAndWorker(all);
  append(logPath, wakeRow());
  await eventually(() => anthropic.requests.length === 1);
  worker.child.kill('SIGTERM');
  await worker.until('investigation.returned');
  expect(await worker.exited).toBe(0);
  const next = runApp('worker', all);
  await next.until('delivery.sent');
  expect([anthropic.requests.length, slack.accepted.length]).toEqual([2, 1]);
});

test('stopping leaves no MCP server behind that ignores SIGTERM, even if it is forced', async ({
  ns,
  folder,
  logPath,
}) => {
  const { anthropic, env } = await doubles();
  anthropic.next.push(() => undefined);
  const [config, file] = [join(folder, 'mcp.json'), join(folder, 'pids')];
  const stubborn = { command: process.execPath, args: [HOSTILE, 'stubborn', file], allow: ['*'] };
  writeFileSync(config, JSON.stringify({ mcpServers: { stubborn } }));
  const all = environment(ns, logPath, { ...env, KORA_MCP_CONFIG: config });
  const { worker } = await startTailerAndWorker(all);
  const pids: number[] = await eventually(() => existsSync(file) && JSON.parse(readFileSync(file, 'utf8') || 'false'));
  endBeforeCleanup(async () => pids.filter(isRunning).forEach((pid) => process.kill(pid, 'SIGKILL')));
  expect(pids.map(isRunning)).toEqual([true, true]);
  append(logPath, wakeRow());
  await eventually(() => anthropic.requests.length === 1);
  worker.child.kill('SIGTERM');
  await worker.until('app.stopping');
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toBe(1);
  await eventually(() => !pids.some(isRunning));
});
