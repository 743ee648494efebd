/** `npm run dev` as a developer uses it. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { eventually, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';

const root = join(import.meta.dirname, '..', '..');

test('npm run dev serves console and API, restarts an app whose build changes, and leaves no process', async ({
  folder,
}) => {
  const dev = runScript('scripts/dev.ts', [], { KORA_HOME: folder, KORA_API_PORT: '0' });
  await dev.untilText('Ctrl-C stops everything.');
  const output = dev.lines.map(({ msg }) => msg).join('\n');
  const console = /console +(http:\S+\/)/.exec(output)?.[1] ?? '';
  expect(await (await fetch(console)).text()).toContain('/@vite/client');
  expect(await (await fetch(`${console}healthz`)).json()).toEqual({ status: 'ok' });
  const { pid } = JSON.parse(readFileSync(join(folder, 'redis', 'server.json'), 'utf8'));

  // The build of the tailer's entry file, with a line that changes nothing.
  const built = join(root, 'apps', 'tailer', 'dist', 'main.js');
  const before = readFileSync(built);
  onTestFinished(() => writeFileSync(built, before));
  const starts = () => dev.lines.filter(({ msg }) => msg.includes('kora_audit_log.jsonl') && msg.includes('tailer'));
  const startsBefore = starts().length;
  appendFileSync(built, '\n');
  await dev.untilText('Restarting the tailer.');
  await eventually(() => starts().length > startsBefore);

  dev.child.kill('SIGINT');
  expect(await dev.exited).toBe(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(join(folder, 'redis', 'server.json'))).toBe(false);
});
