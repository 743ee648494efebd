/** A burst of wakes, sent at the pace of Slack. */
import { expect } from 'vitest';
import { doubles, environment } from '../support/doubles.ts';
import { append, counter, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

test('four workers share a burst, and each wake is sent once', async ({ ns, logPath }) => {
  const { slack, env } = await doubles();
  const all = environment(ns, logPath, { ...env, KORA_PROBE_DEBOUNCE_SECONDS: '0', KORA_WORKER_CONCURRENCY: '1' });
  const tailer = runApp('tailer', all);
  const workers = [0, 1, 2, 3].map(() => runApp('worker', all));
  await Promise.all([tailer.until('tailer.following'), ...workers.map((worker) => worker.until('worker.ready'))]);
  append(logPath, ...Array.from({ length: 8 }, (_, i) => wakeRow({ category: `c${i}` })));
  await eventually(() => counter(ns, 'outcome:diagnosis').then((n) => n === 8));
  expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(8);
  expect(slack.accepted).toHaveLength(8);
  // The pace of one message a second holds across all workers.
  expect((slack.accepted.at(-1)?.at ?? 0) - (slack.accepted[0]?.at ?? 0)).toBeGreaterThan(6_000);
  expect(
    workers.filter(({ lines }) => lines.some(({ event }) => event === 'investigation.started')).length,
  ).toBeGreaterThan(1);
});
