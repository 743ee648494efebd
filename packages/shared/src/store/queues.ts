/** The two queues: their names, payloads and every BullMQ option that producer and worker must agree on. */

import { type Job, Queue, type QueueOptions, type Telemetry, type WorkerOptions } from 'bullmq';
import type { RedisClient } from '../runtime/redis.ts';
import { isJsonObject } from '../wake/json.ts';
import { type DebouncePolicy, debounceId } from '../wake/pair.ts';
import type { Report } from '../wake/report.ts';
import type { Wake } from '../wake/wake.ts';

export const WAKES = 'wakes';
export const DELIVERIES = 'deliveries';

/** Payload of a `wake` job. */
export interface WakeJob {
  wake: Wake;
  /** In jobs of before 0.2: what the engine came back with. By now the delivery holds it. */
  report?: Report;
}

/** Payload of a `deliver` job. */
export interface DeliverJob {
  wake: Wake;
  report: Report;
  /** In jobs of before 0.2: a claim, and where Slack put the message. By now the wake's record holds them. */
  claimedAt?: number;
  firstClaimedAt?: number;
  posted?: Posted;
}

/** Where Slack put a message. */
export interface Posted {
  channel: string;
  ts: string;
  /** What the message said of its own delivery, after its text; absent where it said nothing, or nobody knows. */
  note?: string;
}

/** Ended jobs stay at least this long, so that a replayed row finds its job; seconds. */
const KEEP_ENDED_S = 25 * 3600;
/** And at most so many of them a queue. */
const KEEP_ENDED_COUNT = 100_000;

const keepEnded = (windowMs: number) => ({
  age: Math.max(KEEP_ENDED_S, Math.ceil(windowMs / 1000) + 3600),
  count: KEEP_ENDED_COUNT,
});

/**
 * A worker that dies is noticed by its lock, which lapses. BullMQ fails a job for good when that happens to it a
 * second time; ours is taken up again.
 */
export const WORKER_OPTIONS = {
  maxStalledCount: 1_000,
  stalledInterval: 5_000,
  lockDuration: 15_000,
} satisfies Partial<WorkerOptions>;

/**
 * Past so many starts a wake fails for good: then it is the job itself that kills the workers. Deliveries have no such
 * bound, since each time they wait for Slack counts as a start.
 */
export const MAX_WAKE_STARTS = 20;

/** About a day of tries, at most a minute apart: Slack may be down for hours, the alert still counts. */
const DELIVERY_ATTEMPTS = 1_500;
const DELIVERY_BACKOFF_CAP_MS = 60_000;

/** How long to wait before the next try to deliver, ms: 1 s, doubled up to a minute. */
export function deliveryBackoffMs(attemptsMade: number): number {
  return Math.min(1_000 * 2 ** Math.max(0, attemptsMade - 1), DELIVERY_BACKOFF_CAP_MS);
}

export type WakesQueue = Queue<WakeJob, void, 'wake'>;
export type DeliveriesQueue = Queue<DeliverJob, void, 'deliver'>;

function queueOptions(connection: RedisClient, prefix: string): QueueOptions {
  // A producer must hear at once that Redis is away, or it would wait for ever with the row in its hand.
  return { connection, prefix, skipWaitingForReady: true };
}

/** Trouble with the connection is reported by the connection itself, once. */
const reportedElsewhere = () => undefined;

export function wakesQueue(connection: RedisClient, prefix: string): WakesQueue {
  const queue: WakesQueue = new Queue(WAKES, queueOptions(connection, prefix));
  return queue.on('error', reportedElsewhere);
}

/** @param telemetry makes what is added part of the trace it is added in */
export function deliveriesQueue(connection: RedisClient, prefix: string, telemetry?: Telemetry): DeliveriesQueue {
  const queue: DeliveriesQueue = new Queue(DELIVERIES, {
    ...queueOptions(connection, prefix),
    ...(telemetry && { telemetry }),
  });
  return queue.on('error', reportedElsewhere);
}

/**
 * Options that make a wake's job: its own id makes a second add of the same row the same job, the deduplication
 * id in throttle mode is the debounce.
 *
 * @param trace what a row's trace gave to carry on
 */
export function wakeJobOptions(wake: Wake, policy: DebouncePolicy, trace?: string) {
  return {
    jobId: wake.id,
    attempts: 10,
    backoff: { type: 'exponential', delay: 1_000 },
    removeOnComplete: keepEnded(policy.windowMs),
    removeOnFail: keepEnded(policy.windowMs),
    ...(policy.windowMs > 0 && {
      deduplication: { id: debounceId(wake.probe, wake.category), ttl: policy.windowMs },
    }),
    ...(trace !== undefined && { telemetry: { metadata: trace } }),
  };
}

/** Options of the delivery of one wake; its id is derived from the wake's, so that it exists once. */
export function deliverJobOptions(wakeId: string) {
  return {
    jobId: deliverJobId(wakeId),
    attempts: DELIVERY_ATTEMPTS,
    backoff: { type: 'custom' },
    removeOnComplete: keepEnded(0),
    removeOnFail: keepEnded(0),
  };
}

export function deliverJobId(wakeId: string): string {
  return `deliver-${wakeId}`;
}

/** Whether a job carries a wake; a person may have put anything into the queue. */
export function isOurs(job: Job): boolean {
  return isJsonObject(job.data) && isJsonObject(job.data.wake) && typeof job.data.wake.id === 'string';
}
