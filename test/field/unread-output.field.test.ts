/** More apps on a stopped terminal (Ctrl-S). test/e2e/unread-output.test.ts has the others. */
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand } from '../../apps/cli/test/terminal.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { freePort } from '../support/ports.ts';
import { appScript } from '../support/spawn.ts';
import { enqueueMany, environmentOf, onStoppedTerminal } from '../support/unread-output.ts';

const root = join(import.meta.dirname, '..', '..');
/** Each alert is printed as a DM, so they exceed the buffer of a terminal. */
const ALERTS = 100;
const CLI = 'apps/cli/dist/main.js';

test('a tailer on a stopped terminal decides all rows, shows the log afterwards, and stops', async ({
  ns,
  logPath,
}) => {
  const tailer = onStoppedTerminal([join(root, appScript('tailer'))], environmentOf(ns, logPath));
  await enqueueMany(ns, logPath);
  tailer.read();
  await eventually(() => tailer.output().includes('log lines were dropped'));
  expect(tailer.output()).toContain('watching log');
  tailer.terminate();
  expect(await once(tailer.terminal, 'exit')).toEqual([0, null]);
});

test('npm start on a stopped terminal sends all alerts, and stops', async ({ folder, logPath }) => {
  const port = await freePort();
  const env = { KORA_HOME: folder, KORA_API_PORT: String(port), LOG_LEVEL: 'debug' };
  const start = onStoppedTerminal([join(root, CLI), 'start'], { PATH: process.env.PATH, ...env });
  // The tailer starts at the end of the log, and stores that position first.
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/tailer`).catch(() => undefined);
    return (await answer?.text())?.includes('"offset"');
  });
  append(logPath, ...Array.from({ length: ALERTS }, (_, i) => wakeRow({ category: `unread-${i}` })));
  await eventually(async () => (await runCommand(['audit'], env)).out.includes(`${ALERTS} dry run`));
  start.terminate();
  await eventually(start.hasEnded);
  start.read();
  expect(await once(start.terminal, 'exit')).toEqual([0, null]);
  expect(start.output()).toContain('INFO');
});
