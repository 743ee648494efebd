/** Apps whose output nobody reads: a stopped terminal (Ctrl-S), or a pipe with a stopped reader. They work on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { eventually, test } from '../support/fixtures.ts';
import { appScript } from '../support/spawn.ts';
import { endsWithTest, enqueueMany, environmentOf, onStoppedTerminal, WAKES } from '../support/unread-output.ts';

const root = join(import.meta.dirname, '..', '..');

test('a tailer whose pipe nobody reads decides all rows, and later says how many lines it dropped', async ({
  ns,
  logPath,
}) => {
  const child = spawn(process.execPath, [join(root, appScript('tailer'))], {
    env: environmentOf(ns, logPath),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endsWithTest(child, () => undefined);
  await enqueueMany(ns, logPath);

  const lines = createInterface({ input: child.stdout });
  const counts = { enqueued: 0, dropped: 0 };
  lines.on('line', (line) => {
    const { event, lines: dropped } = JSON.parse(line);
    if (event === 'wake.enqueued') counts.enqueued++;
    if (event === 'app.log_dropped') counts.dropped += dropped;
  });
  await eventually(() => counts.dropped > 0);
  expect(counts.enqueued).toBeGreaterThan(0);
  expect(counts.enqueued + counts.dropped).toBeGreaterThanOrEqual(WAKES);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a tailer on a stopped terminal still stops when it is asked to', async ({ ns, logPath }) => {
  const tailer = onStoppedTerminal([join(root, appScript('tailer'))], environmentOf(ns, logPath));
  await enqueueMany(ns, logPath);
  tailer.terminate();
  await eventually(tailer.hasEnded);
  tailer.read();
  expect(await once(tailer.terminal, 'exit')).toEqual([0, null]);
});
