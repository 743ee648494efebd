/** A test process that is killed must not leave apps behind. */
import { expect } from 'vitest';
import { environment } from '../support/doubles.ts';
import { eventually, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('apps stop when the process that started them is killed with SIGKILL', async ({ ns, logPath }) => {
  const starter = runScript('test/support/start-apps.ts', [], environment(ns, logPath));
  const { pids } = await starter.untilText('started');
  if (!Array.isArray(pids)) throw new Error('no pids');
  expect(pids.map(isRunning)).toEqual([true, true, true]);
  starter.child.kill('SIGKILL');
  await starter.exited;
  await eventually(() => pids.every((pid) => !isRunning(pid)));
});
