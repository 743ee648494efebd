/** Stopping a worker whose investigation does not finish before the deadline (DRAIN_MS, 20 s). */
import { expect } from 'vitest';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

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
