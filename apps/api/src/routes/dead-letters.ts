import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { DeliverJob, WakeJob } from '@kora-wake/shared/store/queues';
import { failedAt, isOurs, takeFailed } from '@kora-wake/shared/store/queues';
import type { Place } from '@kora-wake/shared/store/wake-history';
import { reopen } from '@kora-wake/shared/store/wake-record';
import type { Job, Queue } from 'bullmq';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Operations, reasonQuery } from '../operations.ts';
import { cursorOf, errorSchema, pageQuery, placeOf } from './schemas.ts';

const letterSchema = z.object({
  queue: z.string(),
  jobId: z.string(),
  wakeId: z.string().nullable().describe('null: a job that somebody put there by hand'),
  probe: z.string().nullable(),
  category: z.string().nullable(),
  severity: z.string().nullable(),
  title: z.string().nullable(),
  reason: z.string(),
  failedAt: z.iso.datetime(),
});

type Letter = Job<WakeJob | DeliverJob>;

const one = z.object({ queue: z.string(), jobId: z.string() });
const goneMeanwhile = {
  statusCode: 409,
  error: 'Conflict',
  message: 'Somebody else retried or dropped it just now.',
};
const notThere = { statusCode: 404, error: 'Not Found', message: 'There is no such dead letter.' };

/** Jobs that failed for good: nobody was told of them, until a person retries or drops them. */
export const deadLetterRoutes: FastifyPluginAsyncZod<{
  redis: RedisClient;
  keys: Keys;
  queues: Queue[];
  operations: Operations;
  now(): number;
}> = async (app, { redis, keys, queues, operations, now }) => {
  app.get(
    '/v1/dead-letters',
    {
      schema: {
        summary: 'What failed for good, newest first',
        querystring: pageQuery,
        response: {
          200: z.object({ entries: z.array(letterSchema), nextCursor: z.string().nullable() }),
          400: errorSchema,
        },
      },
    },
    async ({ query: { limit, cursor } }) => {
      const after = placeOf(cursor);
      const failed = (await Promise.all(queues.map((queue) => failedAfter(queue, after, limit)))).flat();
      const page = failed.toSorted((a, b) => (isLater(placeOfLetter(a), placeOfLetter(b)) ? -1 : 1));
      const last = page[limit - 1];
      const next = last && page.length > limit ? cursorOf(placeOfLetter(last)) : null;
      return { entries: page.slice(0, limit).map(describe), nextCursor: next };
    },
  );

  app.post(
    '/v1/dead-letters/:queue/:jobId/retry',
    {
      schema: {
        summary: 'Try a dead letter again',
        params: one,
        querystring: reasonQuery,
        response: { 200: z.object({ retried: z.literal(true) }), 404: errorSchema, 409: errorSchema },
      },
    },
    async (request, reply) => {
      const { params } = request;
      const job = await find(params);
      if (!job) return reply.code(404).send(notThere);
      try {
        await job.retry();
      } catch (error) {
        if (await job.isFailed()) throw error;
        return reply.code(409).send(goneMeanwhile);
      }
      const { wakeId } = describe(job);
      if (wakeId !== null) await reopen(redis, keys, wakeId, now());
      await operations.record(request, 'dead_letter_retried', { ...params, ...namesOf(job) });
      return { retried: true as const };
    },
  );

  app.delete(
    '/v1/dead-letters/:queue/:jobId',
    {
      schema: {
        summary: 'Drop a dead letter: nobody will be told',
        params: one,
        body: z.object({ reason: z.string().trim().min(1, 'must say why').max(500) }),
        response: {
          200: z.object({ dropped: z.literal(true) }),
          400: errorSchema,
          404: errorSchema,
          409: errorSchema,
        },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const job = await find(params);
      if (!job) return reply.code(404).send(notThere);
      // Whoever takes it off the list drops it: it is not retried any more, nor dropped by another.
      if (!(await takeFailed(redis, keys, params.queue, params.jobId))) return reply.code(409).send(goneMeanwhile);
      await job.remove();
      await operations.record(request, 'dead_letter_dropped', { ...params, ...namesOf(job), reason: body.reason });
      return { dropped: true as const };
    },
  );

  async function find({ queue: name, jobId }: z.infer<typeof one>): Promise<Letter | undefined> {
    const queue = queues.find((each) => each.name === name);
    return queue && (await failedAt(redis, keys, name, jobId)) !== undefined ? queue.getJob(jobId) : undefined;
  }
};

/** One more than so many of those after a place. BullMQ gives the last first, and only by number. */
async function failedAfter(queue: Queue, after: Place | undefined, limit: number): Promise<Letter[]> {
  const found: Letter[] = [];
  for (let from = 0; ; from += limit + 1) {
    const jobs: Letter[] = await queue.getFailed(from, from + limit);
    found.push(...jobs.filter((job) => !after || isLater(after, placeOfLetter(job))));
    if (jobs.length <= limit || found.length > limit) return found;
  }
}

function placeOfLetter({ finishedOn = 0, id = '' }: Letter): Place {
  return { at: finishedOn, wakeId: id };
}

function isLater(a: Place, b: Place): boolean {
  return a.at > b.at || (a.at === b.at && a.wakeId > b.wakeId);
}

function describe(job: Letter): z.infer<typeof letterSchema> {
  const wake = isOurs(job) ? job.data.wake : undefined;
  return {
    queue: job.queueName,
    jobId: job.id ?? '',
    wakeId: wake?.id ?? null,
    probe: wake?.probe ?? null,
    category: wake?.category ?? null,
    severity: wake?.severity ?? null,
    title: wake?.title ?? null,
    reason: job.failedReason,
    failedAt: new Date(job.finishedOn ?? job.timestamp).toISOString(),
  };
}

function namesOf(job: Letter) {
  const { wakeId, probe, category } = describe(job);
  return { wake_id: wakeId, probe, category };
}
