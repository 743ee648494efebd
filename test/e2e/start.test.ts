/** `npm start`, and the commands next to it, as a person uses them: with a private Redis and real processes. */
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { eventually, rowsOf, test } from '../support/fixtures.ts';
import { isGone, readAddress, tryReadAddress, WAKE } from '../support/npm-start.ts';
import { freePort } from '../support/ports.ts';
import { runScript } from '../support/process.ts';

const CLI = 'apps/cli/dist/main.js';

test('npm start sends a first alert without any credential, and leaves no process', async ({ folder }) => {
  const env = { KORA_HOME: folder, KORA_API_PORT: String(await freePort()) };
  const start = runScript(CLI, ['start'], env);
  await start.untilText('Kora Wake is ready');
  await start.untilText('Ctrl-C stops everything.');
  const banner = start.lines.map(({ msg }) => msg).join('\n');
  expect(banner).toContain(join(folder, 'kora_audit_log.jsonl'));
  expect(banner).toContain('not configured: alerts are sent without a diagnosis');
  const redisUrl = /redis:\/\/:\*{3}@127\.0\.0\.1:\d+/.exec(banner)?.[0];
  expect(redisUrl).toBeDefined();
  const { pid } = readAddress(folder);

  const wake = runScript(CLI, ['wake', ...WAKE], env);
  expect(await wake.exited).toBe(0);
  await start.untilText('🚨 Probe alert · fly');
  await start.untilText('engine returned: engine_unavailable');
  const [row] = rowsOf(join(folder, 'kora_audit_log.jsonl'));
  expect(row).toMatchObject({
    seam: 'probe.wake_requested',
    details: { probe: 'fly', title: 'Fly app unreachable: HTTP 401' },
    source: null,
  });

  // Without REDIS_URL, the audit reads the private Redis of npm start.
  const audited = await eventually(async () => {
    const audit = runScript(CLI, ['audit'], env);
    return (await audit.exited) === 0 && audit.lines.some(({ msg }) => msg.includes('1 dry run')) && audit;
  });
  expect(audited.lines[0]?.msg).toContain(`Redis ${redisUrl}, prefix `);

  start.child.kill('SIGINT');
  expect(await start.exited).toBe(0);
  expect(isGone(pid)).toBe(true);
  expect(existsSync(join(folder, 'redis', 'server.json'))).toBe(false);
});

test('npm start stops everything if an app ends, and names the app', async ({ folder }) => {
  const env = { KORA_HOME: folder, KORA_API_PORT: '0', KORA_MCP_CONFIG: join(folder, 'missing.json') };
  const start = runScript(CLI, ['start'], env);
  const { pid } = await eventually(() => tryReadAddress(folder));
  expect(await start.exited).toBe(1);
  expect(start.stderr()).toContain('kora-wake: the worker ended with exit code 1; see its log above.');
  expect(start.stderr()).not.toMatch(/^\s+at /m);
  expect(isGone(pid)).toBe(true);
});

test.for([
  [{ KORA_API_PORT: 'x' }, 'KORA_API_PORT must be a whole number'],
  [{ REDIS_URL: 'redis://127.0.0.1:1' }, 'refuses the connection'],
  [{ KORA_HOME: '/dev/null/kora' }, 'cannot write to the folder /dev/null/kora/redis (ENOTDIR)'],
] as const)('npm start with %j ends with one sentence', async ([env, sentence], { folder }) => {
  const start = runScript(CLI, ['start'], { KORA_HOME: folder, KORA_API_PORT: '0', ...env });
  expect(await start.exited).toBe(1);
  expect(start.stderr()).toContain(sentence);
  expect(start.stderr()).toMatch(/^kora-wake: [^]*$/);
  expect(start.stderr().match(/kora-wake/g)).toHaveLength(1);
  expect(start.stderr()).not.toMatch(/^\s+at /m);
});

test('npm start ends with one sentence if its port is in use, before it starts anything', async ({ folder }) => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => {
    taken.once('listening', resolve);
  });
  const { port } = taken.address() as AddressInfo;
  const start = runScript(CLI, ['start'], { KORA_HOME: folder, KORA_API_PORT: String(port) });
  expect(await start.exited).toBe(1);
  expect(start.stderr()).toBe(
    `kora-wake: port ${port} on 127.0.0.1 is in use. Stop what uses it, or set KORA_API_PORT to another.\n`,
  );
  expect(existsSync(join(folder, 'redis', 'server.json'))).toBe(false);
});

test('a signal while Redis starts stops that Redis too', async ({ folder }) => {
  const start = runScript(CLI, ['start'], { KORA_HOME: folder, KORA_API_PORT: '0' });
  const { pid } = await eventually(() => tryReadAddress(folder));
  start.child.kill('SIGTERM');
  await start.exited;
  expect(isGone(pid)).toBe(true);
});

test('a user error on the command line is one sentence and the usage, without a stack', async ({ folder }) => {
  const wake = runScript(CLI, ['wake', '--probe', 'fly', '--what'], { KORA_HOME: folder });
  expect(await wake.exited).toBe(2);
  expect(wake.stderr()).toBe(
    `kora-wake wake: Unknown option '--what'.
Usage: kora-wake wake --probe NAME --category NAME [options]   (--help explains it)
`,
  );
  expect(wake.lines).toEqual([]);
});
