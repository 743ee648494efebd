import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { publish } from '@kora-wake/shared/store/events';
import { readIncident } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { readNotice, reopenNotice } from '@kora-wake/shared/store/notices';
import { type Place, readPage } from '@kora-wake/shared/store/page';
import type { DeliverJob, NoticeJob, WakeJob } from '@kora-wake/shared/store/queues';
import { failedAt, takeFailed } from '@kora-wake/shared/store/queues';
import { readStorm } from '@kora-wake/shared/store/storms';
import { readWakeRecord, recordDismissal, reopen } from '@kora-wake/shared/store/wake-record';
import { isStormId, wakeOfStorm } from '@kora-wake/shared/wake/storm';
import type { Job, Queue } from 'bullmq';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  type DeadLetter,
  DeadLetterParams,
  DeadLetters,
  DroppedDeadLetter,
  DropRequest,
  ErrorAnswer,
  PageQuery,
  ReasonQuery,
  RetriedDeadLetter,
  RetriedDeadLetters,
  RetryAllRequest,
} from '../contract.ts';
import { cursorOf, placeOf } from '../cursor.ts';
import { httpErrors } from '../errors.ts';
import type { OperationLog } from '../operations.ts';
import { EPOCH, isoTime } from '../times.ts';

/** Failed jobs that are read at once. */
const CHUNK = 200;
/** Jobs that one request retries. */
const MAX_RETRIES = 500;
/** Jobs without a priority are new, and come first: Slack accepts about one message a second. */
const AFTER_NEW_ONES = { priority: 10 };

type FailedJob = Job<WakeJob | DeliverJob | NoticeJob>;

/** Jobs that failed for good: their alert is not delivered unless a person retries them. */
export const deadLetterRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  queues: Queue[];
  operations: OperationLog;
  now(): number;
}> = async (app, { redis, keys, queues, operations, now }) => {
  app.get(
    '/v1/dead-letters',
    {
      schema: {
        summary: 'Jobs that failed for good, newest first',
        querystring: PageQuery,
        response: { 200: DeadLetters, 400: ErrorAnswer },
      },
    },
    async ({ query: { limit, cursor } }) => {
      const page = { limit: limit + 1, after: placeOf(cursor) };
      const places = (await Promise.all(queues.map((queue) => failedPlaces(queue, page)))).flat();
      const sorted = places.toSorted((a, b) => (isLater(a, b) ? -1 : 1));
      const jobs = await Promise.all(sorted.slice(0, limit).map(({ queue, id }) => readJob(queue, id)));
      const last = sorted[limit - 1];
      const entries = await Promise.all(jobs.flat().map(describe));
      return { entries, nextCursor: last && sorted.length > limit ? cursorOf(last) : null };
    },
  );

  app.post(
    '/v1/dead-letters/:queue/:jobId/retry',
    {
      schema: {
        summary: 'Retry a dead letter',
        params: DeadLetterParams,
        querystring: ReasonQuery,
        response: { 200: RetriedDeadLetter, 404: ErrorAnswer, 409: ErrorAnswer },
      },
    },
    async (request) => {
      const { params } = request;
      const described = await retry(await find(params));
      if (!described) throw takenMeanwhile();
      await operations.record(request, 'dead_letter_retried', { ...params, ...namesOf(described) });
      return { retried: true as const };
    },
  );

  app.post(
    '/v1/dead-letters/retry',
    {
      schema: {
        summary: 'Retry all dead letters that failed for one reason, oldest first',
        body: RetryAllRequest,
        querystring: ReasonQuery,
        response: { 200: RetriedDeadLetters, 400: ErrorAnswer },
      },
    },
    async (request) => {
      const { because } = request.body;
      const found = await Promise.all(queues.map((queue) => oldestFailed(queue, because)));
      const jobs = found.flat().toSorted((a, b) => (a.finishedOn ?? 0) - (b.finishedOn ?? 0));
      let retried = 0;
      try {
        // One after the other: their messages are sent in this order.
        for (const job of jobs.slice(0, MAX_RETRIES)) if (await retry(job, AFTER_NEW_ONES)) retried++;
      } finally {
        // Also if Redis fails in between: the others are on their way.
        if (retried > 0) await operations.record(request, 'dead_letters_retried', { because, retried });
      }
      return { retried, isComplete: jobs.length <= MAX_RETRIES };
    },
  );

  /** The oldest jobs of a queue that failed for a reason: one more than a request retries, if there are as many. */
  async function oldestFailed(queue: Queue, because: string): Promise<FailedJob[]> {
    const jobs: FailedJob[] = [];
    let after: Place | undefined;
    while (jobs.length <= MAX_RETRIES) {
      const places = await readPage(redis, keys.failed(queue.name), { limit: CHUNK, after, first: 'lowest' });
      const read = await Promise.all(places.map(({ id }) => readJob(queue, id)));
      jobs.push(...read.flat().filter(({ failedReason }) => failedReason === because));
      after = places.at(-1);
      if (places.length < CHUNK) break;
    }
    return jobs;
  }

  /** Undefined if somebody else has retried or dismissed it meanwhile. */
  async function retry(job: FailedJob, order?: { priority: number }): Promise<DeadLetter | undefined> {
    try {
      if (order) await job.changePriority(order);
      await job.retry();
    } catch (error) {
      if (await job.isFailed()) throw error;
      return undefined;
    }
    const described = await describe(job);
    const noticeId = noticeIdOf(job);
    if (noticeId !== undefined) await reopenNotice(redis, keys, noticeId, now());
    else if (described.wakeId !== null) await reopen(redis, keys, described.wakeId, now());
    return described;
  }

  app.delete(
    '/v1/dead-letters/:queue/:jobId',
    {
      schema: {
        summary: 'Drop a dead letter: its alert will not be delivered',
        params: DeadLetterParams,
        body: DropRequest,
        response: { 200: DroppedDeadLetter, 400: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer },
      },
    },
    async (request) => {
      const { params, body } = request;
      const job = await find(params);
      // The caller who takes the job off the list drops it: after that nobody else can retry or drop it.
      if (!(await takeFailed(redis, keys, params.queue, params.jobId))) throw takenMeanwhile();
      await job.remove();
      const described = await describe(job);
      const { wakeId } = described;
      if (wakeId !== null && noticeIdOf(job) === undefined) {
        const by = operations.nameOf(request);
        const reason = operations.reasonOf(request, body.reason) ?? '';
        await recordDismissal(redis, keys, wakeId, { by, reason, at: now() });
        await publish(redis, keys, app.log, 'dm.dismissed', { wakeId });
      }
      await operations.record(request, 'dead_letter_dropped', {
        ...params,
        ...namesOf(described),
        reason: body.reason,
      });
      return { dropped: true as const };
    },
  );

  async function describe(job: FailedJob): Promise<DeadLetter> {
    const noticeId = noticeIdOf(job);
    const wake = noticeId === undefined ? jobData.parse(job.data).wake : await wakeOfNotice(noticeId);
    return {
      queue: job.queueName,
      jobId: job.id ?? '',
      wakeId: wake.id,
      probe: wake.probe,
      category: wake.category,
      severity: wake.severity,
      title: wake.title,
      reason: job.failedReason ?? '',
      failedAt: isoTime(job.finishedOn ?? job.timestamp) ?? EPOCH,
    };
  }

  /** The newest wake of the incident of a notice, whose message the notice repeats. */
  async function wakeOfNotice(noticeId: string) {
    const notice = await readNotice(redis, keys, noticeId);
    if (notice && isStormId(notice.incidentId)) return digestOf(notice.incidentId);
    const incident = notice && (await readIncident(redis, keys, notice.incidentId));
    const record = incident && (await readWakeRecord(redis, keys, incident.messageOf ?? incident.lastWakeId));
    return record ? { id: record.wakeId, ...record.row } : noWake;
  }

  /** A digest stands for many wakes: a retry sends it for all of them. */
  async function digestOf(stormId: string) {
    const storm = await readStorm(redis, keys, stormId);
    if (!storm) return noWake;
    const { severity, members } = storm;
    return {
      ...noWake,
      id: wakeOfStorm(stormId),
      probe: 'digest',
      category: `${members.length} alerts`,
      severity,
      title: 'Digest of a storm',
    };
  }

  async function find({ queue: name, jobId }: DeadLetterParams): Promise<FailedJob> {
    const queue = queues.find((each) => each.name === name);
    const hasFailed = queue && (await failedAt(redis, keys, name, jobId)) !== undefined;
    const job: FailedJob | undefined = hasFailed ? await queue.getJob(jobId) : undefined;
    if (!job) throw httpErrors.notFound('This failed delivery no longer exists.');
    return job;
  }

  /** Failed jobs that cannot be read and were logged. */
  const unreadable = new Set<string>();

  /** The job, or an empty list if it is gone or its data is not JSON: anybody can add to a queue. */
  async function readJob(queue: Queue, jobId: string): Promise<FailedJob[]> {
    try {
      const job: FailedJob | undefined = await queue.getJob(jobId);
      return job ? [job] : [];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const key = keys.failed(queue.name);
      const name = `${key} ${jobId}`;
      // The list is read every few seconds: one line per job is enough.
      if (!unreadable.has(name)) logEvent(app.log, 'api.record_unreadable', { key, jobId });
      unreadable.add(name);
      return [];
    }
  }

  /** Failed jobs of a queue after a place, newest first. */
  async function failedPlaces(queue: Queue, page: { limit: number; after: Place | undefined }) {
    const places = await readPage(redis, keys.failed(queue.name), page);
    return places.map(({ at, id }) => ({ at, id, queue }));
  }
};

function takenMeanwhile(): Error {
  return httpErrors.conflict('Somebody else just retried or dismissed it.');
}

function isLater(a: Place, b: Place): boolean {
  return a.at > b.at || (a.at === b.at && a.id > b.id);
}

const text = z.string().nullable().catch(null);
const noWake = { id: null, probe: null, category: null, severity: null, title: null };
/** The wake in the data of a job. A name is null if it is missing, and all are if there is no wake. */
const jobData = z
  .object({ wake: z.object({ id: z.string(), probe: text, category: text, severity: text, title: text }) })
  .or(z.unknown().transform(() => ({ wake: noWake })));

function namesOf({ wakeId, probe, category }: DeadLetter) {
  return { wake_id: wakeId, probe, category };
}

const noticeData = z.object({ noticeId: z.string() });

/** Id of the notice that the job sends; undefined if it delivers a wake. */
function noticeIdOf(job: FailedJob): string | undefined {
  return noticeData.safeParse(job.data).data?.noticeId;
}
