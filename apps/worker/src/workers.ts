/** The three BullMQ workers of one process: their concurrency, their pace, and the outcome of jobs that fail for good. */
import { withTimeLimit } from '@kora-wake/shared/runtime/async';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { readNotice } from '@kora-wake/shared/store/notices';
import {
  DELIVERIES,
  type DeliverJob,
  deliveryBackoffMs,
  FOLLOWUPS,
  type FollowupJob,
  type FollowupsQueue,
  isOurs,
  MAX_WAKE_STARTS,
  type NoticeJob,
  type UpdateJob,
  WAKES,
  type WakeJob,
  WORKER_OPTIONS,
} from '@kora-wake/shared/store/queues';
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { releaseWindow } from '@kora-wake/shared/store/windows';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import { dmStatus } from '@kora-wake/shared/wake/outcome';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { type Job, type Telemetry, UnrecoverableError, Worker } from 'bullmq';
import { runWorker } from './bullmq-worker.ts';
import { type Delivery, deliverer } from './delivery/job.ts';
import { type Notices, noticeSender } from './delivery/notice.ts';
import { updater } from './delivery/update.ts';
import { recordDeadNotice } from './incidents.ts';
import type { Engine } from './investigation/agent.ts';
import { investigator } from './investigation/job.ts';
import { releaseOlder } from './investigation/join.ts';
import type { ServiceReports } from './presence.ts';

/** Limit for recording the last outcomes when the process stops, ms. */
const RECORD_MS = 2_000;
/** Concurrent deliveries of one process. Slack's pace allows fewer, but posts that hang must not block the others. */
export const DELIVERY_CONCURRENCY = 16;
/** Slack limits the edits of an app to about 50 a minute. This is 45, evenly, over all workers: a click is shown within two seconds. */
const EDIT_PACE = { max: 1, duration: 1_334 };
/** Concurrent follow-ups of one process. */
const FOLLOWUP_CONCURRENCY = 8;
/** Slack accepts about one message a second per channel. BullMQ counts it in Redis, over all workers. */
export const SLACK_PACE = { max: 1, duration: 1_000 };

export interface WorkersOptions extends Delivery {
  followups: FollowupsQueue;
  /** See `Updates` and `Notices`. */
  repostAfterMs: number;
  callWebhook: Notices['callWebhook'];
  digested: Notices['digested'];
  /** For BullMQ's workers, which wait for Redis as long as it takes. */
  connection: RedisClient;
  /** Undefined: no traces. */
  telemetry?: Telemetry | undefined;
  engine: Engine;
  /** See `Investigation`. */
  commitWaitMs: number;
  keepsSteps: boolean;
  isOnChange(wake: Wake): boolean;
  hasStorms(): boolean;
  services: ServiceReports;
  /** Concurrent investigations. */
  concurrency: number;
  /** Deliveries (`max`) per `duration` ms, over all workers. Undefined: no limit. */
  pace: { max: number; duration: number } | undefined;
}

export interface Workers {
  /** Resolves when both take jobs. It waits for Redis as long as that takes. */
  ready(): Promise<void>;
  /** Stops them within the drain deadline, and returns unfinished jobs to their queues. */
  stop(): Promise<void>;
}

/** Starts both workers. */
export function startWorkers(options: WorkersOptions): Workers {
  const { connection, telemetry, audit, redis, keys, now, log } = options;
  const common = {
    ...WORKER_OPTIONS,
    connection,
    prefix: keys.prefix,
    autorun: false,
    ...(telemetry && { telemetry }),
  };
  const recording = new Set<Promise<void>>();
  const deliver = countJobs(rejectForeignJobs(deliverer(options)));
  const investigate = countJobs(rejectForeignJobs(investigator(options)));

  const delivering = runWorker(
    () =>
      new Worker<DeliverJob, void>(DELIVERIES, deliver.process, {
        ...common,
        concurrency: DELIVERY_CONCURRENCY,
        settings: { backoffStrategy: deliveryBackoffMs },
        ...(options.pace && { limiter: options.pace }),
      }).on('failed', (job) =>
        recordDead(job, ({ wake, report }) => audit.investigationCompleted(wake, report, dmStatus(report, false))),
      ),
    deliver.isBusy,
    log,
  );
  const investigating = runWorker(
    () =>
      new Worker<WakeJob, void>(WAKES, investigate.process, {
        ...common,
        concurrency: options.concurrency,
        maxStartedAttempts: MAX_WAKE_STARTS,
        // A wake that failed before it had a report must not suppress others.
      }).on('failed', (job) => recordDead(job, ({ wake }) => releaseWindow(redis, keys, wake))),
    investigate.isBusy,
    log,
  );
  const [update, sendNotice] = [updater(options), noticeSender(options)];
  const followUp = countJobs<FollowupJob>(async (job, token) => {
    if (isNoticeJob(job)) return sendNotice(job, token);
    if (isUpdateJob(job)) return update(job);
    throw new UnrecoverableError('this job names neither an incident nor a notice');
  });
  const followingUp = runWorker(
    () =>
      new Worker<FollowupJob, void>(FOLLOWUPS, followUp.process, {
        ...common,
        // A webhook that hangs must not delay what a person did. BullMQ runs one edit of an incident at a time.
        concurrency: FOLLOWUP_CONCURRENCY,
        limiter: EDIT_PACE,
        settings: { backoffStrategy: deliveryBackoffMs },
      }).on('failed', (job) => {
        if (job?.finishedOn !== undefined && isNoticeJob(job)) recordLast(recordDeadNoticeOf(job), job.data.noticeId);
      }),
    followUp.isBusy,
    log,
  );
  return {
    ready: async () => {
      await Promise.all([investigating.ready, delivering.ready, followingUp.ready]);
    },
    stop: async () => {
      await Promise.all([investigating.stop(), delivering.stop(), followingUp.stop()]);
      await withTimeLimit(Promise.all(recording), RECORD_MS);
    },
  };

  /** Records a job that failed for good, also one that BullMQ fails without calling the processor. */
  function recordDead<T extends WakeJob>(job: Job<T> | undefined, also: (data: T) => Promise<void>): void {
    if (job?.finishedOn === undefined || !isOurs(job)) return;
    const { wake } = job.data;
    const reason = job.failedReason;
    logEvent(log, 'delivery.dead', { wakeId: wake.id, queue: job.queueName, reason });
    const end = { wake, outcome: 'dead' as const, at: now(), failure: { code: reason, attempts: job.attemptsMade } };
    // Older wakes of the pair that wait for this one must look for another one.
    const done = Promise.all([
      recordOutcome(redis, keys, end).then(() => releaseOlder(options, wake.id)),
      also(job.data),
    ]);
    recordLast(done, wake.id);
  }

  async function recordDeadNoticeOf({ data: { noticeId }, failedReason }: Job<NoticeJob>): Promise<void> {
    const notice = await readNotice(redis, keys, noticeId);
    if (notice) await recordDeadNotice({ redis, keys, log }, notice, failedReason);
  }

  /** Waits for it when the workers stop. @param id of the wake or the notice */
  function recordLast(done: Promise<unknown>, id: string): void {
    const recorded = done.then(
      () => undefined,
      (error: unknown) => logEvent(log, 'outcome.record_failed', { wakeId: id, ...errorFields(error) }),
    );
    recording.add(recorded);
    void recorded.then(() => recording.delete(recorded));
  }
}

/** A processor as BullMQ calls it. BullMQ passes the signal only to a function with three parameters. */
type Process<T> = (job: Job<T>, token: string | undefined, signal: AbortSignal | undefined) => Promise<void>;

function isNoticeJob(job: Job<FollowupJob>): job is Job<NoticeJob> {
  return isJsonObject(job.data) && typeof job.data.noticeId === 'string';
}

function isUpdateJob(job: Job<FollowupJob>): job is Job<UpdateJob> {
  return isJsonObject(job.data) && typeof job.data.incidentId === 'string';
}

/** Fails jobs that somebody added by hand and that have no wake. */
function rejectForeignJobs<T extends WakeJob>(process: Process<T>): Process<T> {
  return async (job, token, signal) => {
    if (!isOurs(job)) throw new UnrecoverableError('this job has no wake; only the tailer adds jobs');
    await process(job, token, signal);
  };
}

/** Counts the jobs in progress. */
function countJobs<T>(process: Process<T>): { process: Process<T>; isBusy(): boolean } {
  let inProgress = 0;
  return {
    isBusy: () => inProgress > 0,
    process: async (job, token, signal) => {
      inProgress++;
      try {
        await process(job, token, signal);
      } finally {
        inProgress--;
      }
    },
  };
}
