/**
 * Mends what a crash between two effects, or a Redis that went back in time, can leave behind, and counts what it
 * mended. Every worker sweeps now and then; that two do it at once does no harm.
 *
 *   a job that failed for good, its end not recorded   → recorded as dead, its window released
 *   a wake that was investigated, its delivery missing → its delivery is queued, with the report that was paid for
 *   a window whose wake has no job any more            → released, or it would hold back wakes for nobody
 *   a job that waits since a time that is still to come → let go: the clock was set back, it would wait too long
 */

import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { countRepair } from '@kora-wake/shared/store/account';
import type { Keys } from '@kora-wake/shared/store/keys';
import {
  type DeliveriesQueue,
  deliverJobId,
  deliverJobOptions,
  isOurs,
  type WakeJob,
  type WakesQueue,
} from '@kora-wake/shared/store/queues';
import { outcomeOf, readWakeRecord, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { listWindows, releaseWindow } from '@kora-wake/shared/store/windows';
import type { Job } from 'bullmq';
import { CLOCK_SKEW_MS } from '../delivery/job.ts';

export interface Sweeper {
  redis: RedisClient;
  keys: Keys;
  wakes: WakesQueue;
  deliveries: DeliveriesQueue;
  now(): number;
  log: Logger;
}

const EVERY_MS = 60_000;
/** Jobs and windows asked for at once. */
const PAGE = 500;
/** What ended just now is still being recorded by whoever ended it, ms. */
const RECORDING_MS = 10_000;

/** What ended so long before an earlier sweep began was settled by it, ms: clocks differ, and Redis may go back. */
const LOOK_BACK_MS = 10 * 60_000;

/** Sweeps at once and then every minute; the returned function stops it. */
export function startSweeper(sweeper: Sweeper): () => Promise<void> {
  let settledUntil = 0;
  let running = Promise.resolve();
  const sweepAgain = async () => {
    const begun = sweeper.now();
    try {
      await sweep(sweeper, settledUntil);
      settledUntil = begun - LOOK_BACK_MS;
    } catch (error) {
      sweeper.log.debug(errorFields(error), 'a sweep did not end');
    }
  };
  const round = () => {
    running = sweepAgain();
  };
  round();
  const timer = setInterval(round, EVERY_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/**
 * One sweep. Rejects where Redis does not answer; the next one goes on.
 *
 * @param settledUntil jobs that ended before are known to be settled, ms since the epoch
 */
export async function sweep(sweeper: Sweeper, settledUntil = 0): Promise<void> {
  const { wakes, deliveries } = sweeper;
  const ended = (page: Pages, mend: (job: Job<WakeJob>) => Promise<void>) =>
    eachEnded(page, sweeper.now() - RECORDING_MS, settledUntil, mend);
  await ended(
    (from) => wakes.getFailed(from, from + PAGE - 1),
    (job) => mendFailed(sweeper, job, true),
  );
  await ended(
    (from) => deliveries.getFailed(from, from + PAGE - 1),
    (job) => mendFailed(sweeper, job, false),
  );
  await ended(
    (from) => wakes.getCompleted(from, from + PAGE - 1),
    (job) => mendUndelivered(sweeper, job),
  );
  await mendWindows(sweeper);
  for (const job of [...(await wakes.getDelayed(0, PAGE)), ...(await deliveries.getDelayed(0, PAGE))]) {
    if ((job.processedOn ?? 0) < sweeper.now() + CLOCK_SKEW_MS || !isOurs(job)) continue;
    await job.promote();
    await count(sweeper, 'clock', job.data.wake.id);
  }
}

type Pages = (from: number) => Promise<Array<Job<WakeJob>>>;

/** Jobs that ended between two times; BullMQ gives the last first. */
async function eachEnded(
  page: Pages,
  until: number,
  since: number,
  mend: (job: Job<WakeJob>) => Promise<void>,
): Promise<void> {
  for (let from = 0; ; from += PAGE) {
    const jobs = await page(from);
    for (const job of jobs) {
      const endedAt = job.finishedOn ?? 0;
      if (endedAt < since) return;
      if (isOurs(job) && endedAt < until) await mend(job);
    }
    if (jobs.length < PAGE) return;
  }
}

async function mendFailed(sweeper: Sweeper, job: Job<WakeJob>, release: boolean): Promise<void> {
  const { redis, keys, now } = sweeper;
  const wake = job.data.wake;
  if (await outcomeOf(redis, keys, wake.id)) return;
  if (release) await releaseWindow(redis, keys, wake);
  const end = { wake, outcome: 'dead' as const, at: now(), reason: job.failedReason };
  if (await recordOutcome(redis, keys, end)) await count(sweeper, 'dead_letter', wake.id);
}

async function mendUndelivered(sweeper: Sweeper, job: Job<WakeJob>): Promise<void> {
  const { redis, keys, deliveries } = sweeper;
  const { wake } = job.data;
  if (await outcomeOf(redis, keys, wake.id)) return;
  if (await deliveries.getJob(deliverJobId(wake.id))) return;
  const report = (await readWakeRecord(redis, keys, wake.id))?.report;
  if (!report) return;
  await deliveries.add('deliver', { wake, report }, deliverJobOptions(wake.id));
  await count(sweeper, 'delivery', wake.id);
}

async function mendWindows(sweeper: Sweeper): Promise<void> {
  const { redis, keys, wakes } = sweeper;
  let after: string | undefined;
  do {
    const { entries, next } = await listWindows({ redis, keys, queue: wakes }, { limit: PAGE, after });
    for (const { probe, category, wakeId } of entries) {
      if (await wakes.getJob(wakeId)) continue;
      await releaseWindow(redis, keys, { id: wakeId, probe, category });
      await count(sweeper, 'window', wakeId);
    }
    after = next ?? undefined;
  } while (after !== undefined);
}

async function count({ redis, keys, log }: Sweeper, what: string, wakeId: string): Promise<void> {
  await countRepair(redis, keys, what);
  log.warn({ wakeId, what }, 'mended what a crash left behind');
}
