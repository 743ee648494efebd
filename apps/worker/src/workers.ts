/** The two BullMQ workers of one process: how many jobs at once, at what pace, and what becomes of those that fail. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DRAIN_MS } from '@kora-wake/shared/runtime/lifecycle';
import { errorFields } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import {
  DELIVERIES,
  type DeliverJob,
  deliveryBackoffMs,
  isOurs,
  MAX_WAKE_STARTS,
  WAKES,
  type WakeJob,
  WORKER_OPTIONS,
} from '@kora-wake/shared/store/queues';
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { releaseWindow } from '@kora-wake/shared/store/windows';
import { dmStatus } from '@kora-wake/shared/wake/outcome';
import { type Job, type Telemetry, UnrecoverableError, Worker } from 'bullmq';
import { type Delivery, deliverer } from './delivery/job.ts';
import type { Engine } from './investigation/agent.ts';
import { investigator } from './investigation/job.ts';

/** To close a worker that has nothing in hand, ms. */
const IDLE_CLOSE_MS = 2_000;
/** Deliveries at once in one process: at Slack's pace, and as long as a post may hang, ten that do hold up no other. */
export const DELIVERY_CONCURRENCY = 16;
/** Slack takes about one message a second to a channel; counted in Redis, over all workers. */
export const SLACK_PACE = { max: 1, duration: 1_000 };

export interface WorkersOptions extends Delivery {
  /** For BullMQ's workers, which wait for Redis as long as it takes. */
  connection: RedisClient;
  /** Undefined: nothing is traced. */
  telemetry?: Telemetry | undefined;
  engine: Engine;
  /** Investigations at once. */
  concurrency: number;
  /** So many deliveries in so many ms, over all workers; undefined: as fast as they can. */
  pace: { max: number; duration: number } | undefined;
}

export interface Workers {
  /** Resolves when both can take jobs. Rejects where Redis goes away before: then they never will. */
  ready(): Promise<void>;
  /** Stops them within the drain deadline; what is not done by then is given back. */
  stop(): Promise<void>;
}

/** Starts both workers. */
export function startWorkers(options: WorkersOptions): Workers {
  const { connection, telemetry, engine, deliveries, audit, redis, keys, now, log } = options;
  const common = { ...WORKER_OPTIONS, connection, prefix: keys.prefix, ...(telemetry && { telemetry }) };
  const recording = new Set<Promise<void>>();
  const deliver = counted(deliverer(options));
  const wakes = counted(investigator({ engine, deliveries, redis, keys, now, log }));
  const delivering = new Worker<DeliverJob, void>(DELIVERIES, deliver.process, {
    ...common,
    concurrency: DELIVERY_CONCURRENCY,
    settings: { backoffStrategy: deliveryBackoffMs },
    ...(options.pace && { limiter: options.pace }),
  });
  const investigating = new Worker<WakeJob, void>(WAKES, wakes.process, {
    ...common,
    concurrency: options.concurrency,
    maxStartedAttempts: MAX_WAKE_STARTS,
  });
  for (const worker of [delivering, investigating]) {
    worker.on('error', (error) => log.debug(errorFields(error), 'worker error'));
  }
  delivering.on('failed', (job) =>
    ended(job, ({ wake, report }) => audit.investigationCompleted(wake, report, dmStatus(report, false))),
  );
  // A wake that never got as far as a message holds no window.
  investigating.on('failed', (job) => ended(job, ({ wake }) => releaseWindow(redis, keys, wake)));
  return {
    ready: async () => {
      await Promise.all([investigating.waitUntilReady(), delivering.waitUntilReady()]);
    },
    stop: async () => {
      await Promise.all([drain(investigating, wakes.busy), drain(delivering, deliver.busy)]);
      await within(Promise.all(recording), IDLE_CLOSE_MS);
    },
  };

  /** The one place where a job that failed for good is recorded, also one that BullMQ fails without asking the processor. */
  function ended<T extends WakeJob>(job: Job<T> | undefined, also: (data: T) => Promise<void>): void {
    if (job?.finishedOn === undefined || !isOurs(job)) return;
    const fields = { wakeId: job.data.wake.id, queue: job.queueName, reason: job.failedReason };
    log.error(fields, 'dead letter: mend the reason, then retry the job in Bull Board');
    const end = { wake: job.data.wake, outcome: 'dead' as const, at: now(), reason: job.failedReason };
    const recorded = Promise.all([recordOutcome(redis, keys, end), also(job.data)]).then(
      () => undefined,
      (error: unknown) => log.error({ ...fields, ...errorFields(error) }, 'the end of a job could not be recorded'),
    );
    recording.add(recorded);
    void recorded.then(() => recording.delete(recorded));
  }
}

/** Refuses what was put into the queue by hand and is no job of ours, and knows whether any is in hand. */
function counted<T extends WakeJob>(process: (job: Job<T>, token?: string, signal?: AbortSignal) => Promise<void>) {
  let inHand = 0;
  return {
    busy: () => inHand > 0,
    // Three parameters, or BullMQ does not give the signal.
    process: async (job: Job<T>, token: string | undefined, signal: AbortSignal | undefined): Promise<void> => {
      if (!isOurs(job)) throw new UnrecoverableError('this job has no wake; only the tailer adds jobs');
      inHand++;
      try {
        await process(job, token, signal);
      } finally {
        inHand--;
      }
    },
  };
}

/**
 * Takes no new jobs, lets those in hand end until the deadline, then aborts the rest, which gives them back. Where
 * Redis is away a worker cannot even close; it is then left as it is.
 */
async function drain(worker: Worker, busy: () => boolean): Promise<void> {
  const closed = worker.close();
  if (await within(closed, busy() ? DRAIN_MS : IDLE_CLOSE_MS)) return;
  worker.cancelAllJobs('shutting down');
  await within(closed, IDLE_CLOSE_MS);
}

async function within(ended: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([ended.then(() => true), late]);
  timer.abort();
  return inTime;
}
