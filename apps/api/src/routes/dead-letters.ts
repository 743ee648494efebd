import type { DeliverJob, WakeJob } from '@kora-wake/shared/queues';
import { isOurs } from '@kora-wake/shared/queues';
import type { Job, Queue } from 'bullmq';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Operations } from '../operations.ts';
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
const notThere = { statusCode: 404, error: 'Not Found', message: 'There is no such dead letter.' };

/** Jobs that failed for good: nobody was told of them, until a person retries or drops them. */
export const deadLetterRoutes: FastifyPluginAsyncZod<{ queues: Queue[]; operations: Operations }> = async (
  app,
  { queues, operations },
) => {
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
      const after = cursor === undefined ? undefined : placeOf(cursor);
      const failed = (await Promise.all(queues.map((queue) => olderThan(queue, after?.at, limit)))).flat();
      const page = failed
        .filter(({ finishedOn = 0, id = '' }) => !after || finishedOn < after.at || id < after.wakeId)
        .toSorted((a, b) => (b.finishedOn ?? 0) - (a.finishedOn ?? 0) || ((a.id ?? '') < (b.id ?? '') ? 1 : -1));
      const last = page[limit - 1];
      const next = last && page.length > limit ? cursorOf({ at: last.finishedOn ?? 0, wakeId: last.id ?? '' }) : null;
      return { entries: page.slice(0, limit).map(describe), nextCursor: next };
    },
  );

  app.post(
    '/v1/dead-letters/:queue/:jobId/retry',
    {
      schema: {
        summary: 'Try a dead letter again',
        params: one,
        response: { 200: z.object({ retried: z.literal(true) }), 404: errorSchema },
      },
    },
    async (request, reply) => {
      const { params } = request;
      const job = await find(params);
      if (!job) return reply.code(404).send(notThere);
      await job.retry();
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
        response: { 200: z.object({ dropped: z.literal(true) }), 400: errorSchema, 404: errorSchema },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const job = await find(params);
      if (!job) return reply.code(404).send(notThere);
      await operations.record(request, 'dead_letter_dropped', { ...params, ...namesOf(job), reason: body.reason });
      await job.remove();
      return { dropped: true as const };
    },
  );

  async function find({ queue: name, jobId }: z.infer<typeof one>): Promise<Letter | undefined> {
    const job: Letter | undefined = await queues.find((queue) => queue.name === name)?.getJob(jobId);
    return job && (await job.isFailed()) ? job : undefined;
  }
};

/** BullMQ gives the last first; pages are asked for until one reaches past what is looked for. */
async function olderThan(queue: Queue, at: number | undefined, limit: number): Promise<Letter[]> {
  const found: Letter[] = [];
  for (let from = 0; ; from += limit + 1) {
    const jobs: Letter[] = await queue.getFailed(from, from + limit);
    found.push(...jobs.filter(({ finishedOn = 0 }) => at === undefined || finishedOn <= at));
    if (jobs.length <= limit || found.length > limit) return found;
  }
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
