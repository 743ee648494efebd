import { readAccount } from '@kora-wake/shared/store/account';
import { deliverJobId, deliverJobOptions, wakeJobOptions } from '@kora-wake/shared/store/queues';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { fallbackReport } from '@kora-wake/shared/wake/report';
import { Worker } from 'bullmq';
import { expect, onTestFinished } from 'vitest';
import {
  aWake,
  countWaiting,
  ending,
  eventually,
  type Namespace,
  test,
  testLog,
} from '../../../../test/support/fixtures.ts';
import { sweep } from '../../src/repair/sweeper.ts';

const wake = aWake({ id: 'w-1x' });
const report = fallbackReport('refused');

function sweeper(ns: Namespace) {
  return {
    redis: ns.redis,
    keys: ns.keys,
    wakes: ns.queue,
    deliveries: ns.deliveries,
    // A job that just ended is left to the worker that ended it.
    now: () => Date.now() + 60_000,
    log: testLog().logger,
  };
}

/** Enqueues the wake as the tailer does, its window and its count included. */
async function enqueue(ns: Namespace): Promise<void> {
  await ns.queue.add('wake', { wake }, wakeJobOptions(wake, 60_000));
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
  await ns.redis.zadd(ns.keys.windowNames, 0, 'fly:down');
  await ns.redis.zadd(ns.keys.windowEnds, Date.now() + 60_000, 'fly:down');
  await ns.redis.hset(ns.keys.counters, 'rows', 1, 'enqueued', 1);
}

/** Completes or fails all jobs of a queue, and nothing else: the state after a worker died at that moment. */
async function endJobs(ns: Namespace, queue: 'wakes' | 'deliveries', well: boolean): Promise<void> {
  const end = async () => {
    if (!well) throw new Error('it died');
  };
  const worker = new Worker(queue, end, { connection: ns.redis, prefix: ns.prefix });
  onTestFinished(() => worker.close());
  const target = queue === 'wakes' ? ns.queue : ns.deliveries;
  await eventually(
    async () => (await target.getJobCounts('completed', 'failed', 'delayed'))[well ? 'completed' : 'delayed'] === 1,
  );
  await worker.close();
}

test('an investigated wake without a delivery job gets one with the paid report', async ({ ns }) => {
  await enqueue(ns);
  await endJobs(ns, 'wakes', true);
  expect((await readAccount(ns.redis, ns.keys)).unaccounted).toBe(1);
  await sweep(sweeper(ns));
  expect((await ns.deliveries.getJob(deliverJobId(wake.id)))?.data.report).toEqual(report);
  await sweep(sweeper(ns));
  expect(await readAccount(ns.redis, ns.keys)).toMatchObject({
    inFlight: 1,
    repaired: { delivery: 1 },
    unaccounted: 0,
  });
});

test('a wake that ended but was never recorded as enqueued is unaccounted', async ({ ns }) => {
  await recordOutcome(ns.redis, ns.keys, ending('w-unknown', 'dry_run', 1));
  expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ enqueued: 0, unaccounted: 1 });
});

test('a job that failed for good is recorded as dead, and its window is closed', async ({ ns }) => {
  await ns.queue.add('wake', { wake }, { ...wakeJobOptions(wake, 60_000), attempts: 1 });
  await ns.redis.hset(ns.keys.counters, 'rows', 1, 'enqueued', 1);
  const worker = new Worker('wakes', async () => Promise.reject(new Error('it died')), {
    connection: ns.redis,
    prefix: ns.prefix,
  });
  await eventually(async () => (await ns.queue.getFailedCount()) === 1);
  await worker.close();
  await sweep(sweeper(ns));
  await sweep(sweeper(ns));
  expect(await readAccount(ns.redis, ns.keys)).toMatchObject({
    outcomes: { dead: 1 },
    repaired: { dead_letter: 1 },
    unaccounted: 0,
  });
  expect(await getWindow(ns, 'fly', 'down')).toBeUndefined();
});

test('a window without a job is closed', async ({ ns }) => {
  await enqueue(ns);
  await ns.redis.unlink(`${ns.prefix}:wakes:${wake.id}`);
  await sweep(sweeper(ns));
  expect(await getWindow(ns, 'fly', 'down')).toBeUndefined();
  expect((await readAccount(ns.redis, ns.keys)).repaired).toEqual({ window: 1 });
});

test('a healthy wake is not changed', async ({ ns }) => {
  await enqueue(ns);
  await ns.deliveries.add('deliver', { wake, report }, deliverJobOptions(wake));
  await endJobs(ns, 'wakes', true);
  await sweep(sweeper(ns));
  expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ inFlight: 1, repaired: {}, unaccounted: 0 });
  expect(await getWindow(ns, 'fly', 'down')).toBeDefined();
});

test('a delivery that is delayed by a clock that was set back is promoted', async ({ ns }) => {
  await ns.deliveries.add('deliver', { wake, report }, { ...deliverJobOptions(wake), delay: 3_600_000 });
  const aheadMs = 2 * 60_000;
  const job = (processedOn: number) =>
    ns.redis.hset(ns.deliveries.toKey(deliverJobId(wake.id)), 'processedOn', processedOn);
  await job(Date.now());
  await sweep(sweeper(ns));
  expect(await ns.deliveries.getDelayedCount()).toBe(1);
  await job(Date.now() + 60_000 + aheadMs);
  await sweep(sweeper(ns));
  expect(await countWaiting(ns.deliveries)).toBe(1);
  expect((await readAccount(ns.redis, ns.keys)).repaired).toEqual({ clock: 1 });
});

test('a job with corrupt data stops neither the sweep nor the repair of others', async ({ ns }) => {
  await enqueue(ns);
  await endJobs(ns, 'wakes', true);
  await ns.redis.hset(ns.queue.toKey('corrupt'), { data: 'not json', finishedOn: 1 });
  await ns.redis.zadd(`${ns.prefix}:wakes:completed`, Date.now(), 'corrupt');
  await ns.redis.zadd(`${ns.prefix}:wakes:failed`, Date.now(), 'corrupt');
  await sweep(sweeper(ns));
  expect(await ns.deliveries.count()).toBe(1);
});

test('a repair that fails does not stop the others, and is tried again', async ({ ns }) => {
  await enqueue(ns);
  await endJobs(ns, 'wakes', true);
  await ns.redis.set(ns.keys.windowEnds, 'not a sorted set');
  await expect(sweep(sweeper(ns))).rejects.toThrow('WRONGTYPE');
  expect(await ns.deliveries.count()).toBe(1);
});

test('a job that ended long before the last sweep is not read again', async ({ ns }) => {
  await enqueue(ns);
  await endJobs(ns, 'wakes', true);
  await sweep(sweeper(ns), Date.now() + 1);
  expect(await ns.deliveries.count()).toBe(0);
  await sweep(sweeper(ns), 0);
  expect(await ns.deliveries.count()).toBe(1);
});
