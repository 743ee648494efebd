/** The two queues: their names, payloads and every BullMQ option that producer and worker must agree on. */

import { type Job, Queue, type QueueOptions, type Telemetry, type WorkerOptions } from 'bullmq';
import type { RedisClient } from '../runtime/redis.ts';
import { isJsonObject } from '../wake/json.ts';
import { debounceId } from '../wake/pair.ts';
import type { Report } from '../wake/report.ts';
import type { Wake } from '../wake/wake.ts';
import type { Keys } from './keys.ts';

export const WAKES = 'wakes';
export const DELIVERIES = 'deliveries';

/** Work that follows the first message of an incident. It is not part of the account. */
export const FOLLOWUPS = 'followups';

/** Payload of an `update` job: the messages of the incident are edited to show its state. */
export interface UpdateJob {
  incidentId: string;
}

/** Payload of a `remind` or `escalate` job: one notice of an incident is sent. */
export interface NoticeJob {
  noticeId: string;
  /** Absent if no look-up had to be interrupted. */
  lookUp?: LookUp;
}

export type FollowupJob = UpdateJob | NoticeJob;

/** Payload of a `wake` job. */
export interface WakeJob {
  wake: Wake;
}

/** Payload of a `deliver` job. */
export interface DeliverJob {
  wake: Wake;
  report: Report;
  /** Absent if no look-up had to be interrupted. */
  lookUp?: LookUp;
}

/** An interrupted search for an earlier post. */
export interface LookUp {
  /** The claim whose post is searched, ms since the epoch; 0 if there is no claim. */
  claimedAt: number;
  /** Start of the time limit, ms since the epoch. */
  beganAt: number;
  /** The page to continue with. Absent: the first one. */
  place?: { period: number; cursor?: string | undefined };
}

/** A message that Slack accepted. */
export interface Posted {
  channel: string;
  ts: string;
  /** The note about its delivery at the end of its text. Absent if it has none, or if it is not known. */
  note?: string;
}

/** Ended jobs are kept at least this long, so that a replayed row finds its job; seconds. */
const KEEP_ENDED_S = 25 * 3600;
/** Maximum number of ended jobs per queue. */
const KEEP_ENDED_COUNT = 100_000;

const keepEnded = (windowMs: number) => ({
  age: Math.max(KEEP_ENDED_S, Math.ceil(windowMs / 1000) + 3600),
  count: KEEP_ENDED_COUNT,
});

/**
 * BullMQ notices a dead worker when the lock of its job lapses, and fails a job for good if that happens twice. Our limit is
 * higher, so another worker continues the job.
 */
export const WORKER_OPTIONS = {
  maxStalledCount: 1_000,
  stalledInterval: 5_000,
  lockDuration: 15_000,
} satisfies Partial<WorkerOptions>;

/**
 * After this many starts a wake fails for good, because the job itself probably kills the workers. Deliveries have no such
 * limit, because each wait for Slack counts as a start.
 */
export const MAX_WAKE_STARTS = 20;

/** About a day of attempts, at most a minute apart: Slack may be down for hours, and the alert still matters. */
const DELIVERY_ATTEMPTS = 1_500;
const DELIVERY_BACKOFF_CAP_MS = 60_000;

/** Delay before the next delivery attempt, ms: 1 s, doubled up to a minute. */
export function deliveryBackoffMs(attemptsMade: number): number {
  return Math.min(1_000 * 2 ** Math.max(0, attemptsMade - 1), DELIVERY_BACKOFF_CAP_MS);
}

export type WakesQueue = Queue<WakeJob, void, 'wake'>;
export type FollowupsQueue = Queue<FollowupJob, void, 'update' | 'remind' | 'escalate'>;
export type DeliveriesQueue = Queue<DeliverJob, void, 'deliver'>;

function queueOptions(connection: RedisClient, prefix: string): QueueOptions {
  // If Redis is unreachable, a producer must fail at once instead of waiting forever.
  return { connection, prefix, skipWaitingForReady: true };
}

/** The connection itself logs its errors, once. */
const loggedByConnection = () => undefined;

export function wakesQueue(connection: RedisClient, prefix: string): WakesQueue {
  const queue: WakesQueue = new Queue(WAKES, queueOptions(connection, prefix));
  return queue.on('error', loggedByConnection);
}

export function followupsQueue(connection: RedisClient, prefix: string): FollowupsQueue {
  const queue: FollowupsQueue = new Queue(FOLLOWUPS, queueOptions(connection, prefix));
  return queue.on('error', loggedByConnection);
}

/** Options of an `update` job: one waits per incident at most, besides one that is active. */
export function updateJobOptions(incidentId: string, priority: number) {
  return {
    priority,
    deduplication: { id: incidentId, keepLastIfActive: true },
    attempts: 5,
    backoff: { type: 'exponential', delay: 2_000 },
    removeOnComplete: true,
    removeOnFail: true,
  };
}

/** Options of the job of one notice. Its id is that of the notice, so that it exists once. What a person did comes first. */
export function noticeJobOptions(noticeId: string) {
  return {
    jobId: noticeId,
    priority: 2,
    attempts: DELIVERY_ATTEMPTS,
    backoff: { type: 'custom' },
    removeOnComplete: true,
    removeOnFail: keepEnded(0),
  };
}

/** @param telemetry makes added jobs part of the current trace */
export function deliveriesQueue(connection: RedisClient, prefix: string, telemetry?: Telemetry): DeliveriesQueue {
  const queue: DeliveriesQueue = new Queue(DELIVERIES, {
    ...queueOptions(connection, prefix),
    ...(telemetry && { telemetry }),
  });
  return queue.on('error', loggedByConnection);
}

/** Under a backlog criticals come first, then the oldest: BullMQ takes jobs without a priority before others. */
function afterCriticals({ severity }: Pick<Wake, 'severity'>) {
  return severity === 'critical' ? {} : { priority: 1 };
}

/**
 * Options of a wake's job. The job id makes a second add of the same row the same job. The deduplication id in throttle mode
 * is the debounce.
 *
 * @param windowMs length of the window that it opens, ms; 0: none
 * @param trace serialized trace context of the row
 */
export function wakeJobOptions(wake: Wake, windowMs: number, trace?: string) {
  return {
    jobId: wake.id,
    ...afterCriticals(wake),
    attempts: 10,
    backoff: { type: 'exponential', delay: 1_000 },
    removeOnComplete: keepEnded(windowMs),
    removeOnFail: keepEnded(windowMs),
    ...(windowMs > 0 && {
      deduplication: { id: debounceId(wake.probe, wake.category), ttl: windowMs },
    }),
    ...(trace !== undefined && { telemetry: { metadata: trace } }),
  };
}

/** Options of the delivery job of one wake. Its id is derived from the wake's id, so that it exists once. */
export function deliverJobOptions(wake: Pick<Wake, 'id' | 'severity'>) {
  return {
    jobId: deliverJobId(wake.id),
    ...afterCriticals(wake),
    attempts: DELIVERY_ATTEMPTS,
    backoff: { type: 'custom' },
    removeOnComplete: keepEnded(0),
    removeOnFail: keepEnded(0),
  };
}

export function deliverJobId(wakeId: string): string {
  return `deliver-${wakeId}`;
}

const UNFINISHED = new Set<string>(['waiting', 'active', 'delayed', 'prioritized']);

/** Whether a wake still has a job that will end it, in one of the queues. A person may have removed it. */
export async function hasUnfinishedJob(
  { wakes, deliveries }: { wakes: WakesQueue; deliveries: DeliveriesQueue },
  wakeId: string,
): Promise<boolean> {
  const states = await Promise.all([wakes.getJobState(wakeId), deliveries.getJobState(deliverJobId(wakeId))]);
  return states.some((state) => UNFINISHED.has(state));
}

/** Whether a job has a wake: anybody can add jobs to a queue. */
export function isOurs(job: Job): boolean {
  return isJsonObject(job.data) && isJsonObject(job.data.wake) && typeof job.data.wake.id === 'string';
}

/**
 * Reads one page of ended jobs, newest first. Jobs whose data is not JSON are left out: BullMQ rejects a whole page for one.
 *
 * @returns the jobs, and whether there may be more
 */
export async function readEndedJobs<T, R, N extends string>(
  queue: Queue<T, R, N>,
  state: 'completed' | 'failed',
  from: number,
  limit: number,
) {
  const ids = await queue.getRanges([state], from, from + limit - 1, false);
  const jobs = await Promise.all(ids.map((id) => readJob(queue, id)));
  return { jobs: jobs.filter((job) => job !== undefined), more: ids.length === limit };
}

/** A job, or undefined if it is gone or its data is not JSON: anybody can add to a queue. */
export async function readJob<T, R, N extends string>(queue: Queue<T, R, N>, id: string) {
  try {
    return await queue.getJob(id);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** When a job failed for good, ms since the epoch, or undefined if it is not among the failed jobs of the queue. */
export async function failedAt(
  redis: RedisClient,
  keys: Keys,
  queue: string,
  jobId: string,
): Promise<number | undefined> {
  const score = await redis.zscore(keys.failed(queue), jobId);
  return score === null ? undefined : Number(score);
}

/**
 * Takes a job off the list of failed jobs, so that nobody else can retry or drop it.
 *
 * @returns false if somebody else took it before
 */
export async function takeFailed(redis: RedisClient, keys: Keys, queue: string, jobId: string): Promise<boolean> {
  return (await redis.zrem(keys.failed(queue), jobId)) === 1;
}
