/** Rows with long names and texts: they stay different, and Redis holds little of them. */
import { createHash } from 'node:crypto';
import { wakeJobOptions } from '@kora-wake/shared/store/queues';
import { readWake } from '@kora-wake/shared/wake/wake';
import { expect } from 'vitest';
import { environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, aWake, counter, eventually, type Namespace, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

const PAIRS = 20;

/** Bytes of all keys of the test. */
async function memoryOf({ redis, prefix }: Namespace): Promise<number> {
  let sum = 0;
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
    for (const key of keys) sum += Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
  }
  return sum;
}

test('rows of 12 MB with long names use 1 MB of Redis, and each pair stays a pair of its own', async ({
  ns,
  logPath,
}) => {
  const tailer = runApp('tailer', environment(ns, logPath));
  await tailer.until('tailer.following');
  const rows = Array.from({ length: PAIRS }, (_, i) =>
    wakeRow({ probe: `${'p'.repeat(100_000)}${i}`, category: 'c'.repeat(100_000), severity: 's'.repeat(100_000) }),
  );
  for (const row of [...rows, ...rows]) append(logPath, row);
  await eventually(async () => (await counter(ns, 'rows')) === 2 * PAIRS);
  expect([await counter(ns, 'enqueued'), await counter(ns, 'coalesced')]).toEqual([PAIRS, PAIRS]);
  expect(await memoryOf(ns)).toBeLessThan(1_000_000);
});

test('a job of version 0.2 with long names and texts is still sent', async ({ ns, logPath }) => {
  const long = 'x'.repeat(100_000);
  const wake = aWake({ id: 'w-of-0.2', probe: long, category: long, severity: long, title: long, detail: long });
  await ns.queue.add('wake', { wake }, wakeJobOptions(wake, 60_000));
  const { worker } = await startTailerAndWorker(environment(ns, logPath));
  await worker.until('delivery.dry_run');
});

test('a row with long names that version 0.2 enqueued, but did not commit, is still the same wake', async ({
  ns,
  logPath,
}) => {
  const row = wakeRow({ probe: 'p'.repeat(5_000), category: 'c' });
  const id = `w-${createHash('sha256').update(row).update('\n0').digest('hex').slice(0, 32)}`;
  const read = readWake(JSON.parse(row), id, Date.now());
  const wake = { ...aWake(read), probe: 'p'.repeat(5_000) };
  await ns.queue.add('wake', { wake }, wakeJobOptions(wake, 60_000));

  // The log is new for this tailer, which then reads it from its beginning.
  const tailer = runApp('tailer', environment(ns, logPath));
  await tailer.until('tailer.following');
  append(logPath, row);
  await eventually(async () => (await counter(ns, 'rows')) === 1);
  expect(await counter(ns, 'enqueued')).toBe(1);
  expect(await ns.queue.getJobCountByTypes('waiting', 'prioritized')).toBe(1);
});
