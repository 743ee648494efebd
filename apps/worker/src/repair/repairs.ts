/** Code that the repairs share: their dependencies, a pass over ended jobs, and the count of repairs. */
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { countRepair } from '@kora-wake/shared/store/account';
import type { Keys } from '@kora-wake/shared/store/keys';
import {
  type DeliveriesQueue,
  isOurs,
  readEndedJobs,
  type WakeJob,
  type WakesQueue,
} from '@kora-wake/shared/store/queues';
import type { Job } from 'bullmq';

export interface Repairs {
  redis: RedisClient;
  keys: Keys;
  wakes: WakesQueue;
  deliveries: DeliveriesQueue;
  now(): number;
  log: Logger;
}

/** Jobs and windows read in one call. */
export const PAGE = 500;
/** A job that ended more recently is still being recorded by the worker that ended it, ms. */
const RECORDING_MS = 10_000;

/** Counts and logs one repair. */
export async function count({ redis, keys, log }: Repairs, kind: string, wakeId: string): Promise<void> {
  await countRepair(redis, keys, kind);
  logEvent(log, 'repair.done', { wakeId, kind });
}

/**
 * Repairs each of our jobs that ended between `since` and a moment ago. If one cannot be repaired, the others are repaired
 * first, then this rejects, so that the next sweep tries again.
 *
 * @param state in which the jobs ended
 * @param since ms since the epoch
 */
export async function eachEnded(
  repairs: Repairs,
  queue: WakesQueue | DeliveriesQueue,
  state: 'completed' | 'failed',
  since: number,
  repair: (job: Job<WakeJob>) => Promise<void>,
): Promise<void> {
  const until = repairs.now() - RECORDING_MS;
  const errors: unknown[] = [];
  for (let from = 0; ; from += PAGE) {
    const { jobs, more } = await readEndedJobs(queue, state, from, PAGE);
    for (const job of jobs) {
      const endedAt = job.finishedOn ?? 0;
      if (endedAt < since) return throwFirst(errors);
      if (isOurs(job) && endedAt < until) await repair(job).catch((error: unknown) => errors.push(error));
    }
    if (!more) return throwFirst(errors);
  }
}

export function throwFirst(errors: unknown[]): void {
  if (errors.length > 0) throw errors[0];
}
