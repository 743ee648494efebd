import type { Queue } from 'bullmq';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Operations, reasonQuery } from '../operations.ts';
import { errorSchema } from './schemas.ts';

const queueSchema = z.object({
  name: z.string(),
  isPaused: z.boolean(),
  counts: z.record(z.string(), z.number()),
  workers: z.number(),
  oldestWaitingMs: z.number().nullable(),
});

/** The queues, what stands in them, and whether they run. */
export const queueRoutes: FastifyPluginAsyncZod<{ queues: Queue[]; operations: Operations }> = async (
  app,
  { queues, operations },
) => {
  app.get(
    '/v1/queues',
    {
      schema: { summary: 'Queues, counts and workers', response: { 200: z.object({ queues: z.array(queueSchema) }) } },
    },
    async () => ({ queues: await Promise.all(queues.map(describe)) }),
  );

  for (const action of ['pause', 'resume'] as const) {
    app.post(
      `/v1/queues/:name/${action}`,
      {
        schema: {
          summary: action === 'pause' ? 'Stop taking jobs; those in hand end' : 'Take jobs again',
          params: z.object({ name: z.string() }),
          querystring: reasonQuery,
          response: { 200: queueSchema.pick({ name: true, isPaused: true }), 404: errorSchema },
        },
      },
      async (request, reply) => {
        const { params } = request;
        const queue = queues.find(({ name }) => name === params.name);
        if (!queue) {
          const known = queues.map(({ name }) => name).join(' and ');
          return reply
            .code(404)
            .send({ statusCode: 404, error: 'Not Found', message: `There is no such queue; there are ${known}.` });
        }
        await queue[action]();
        await operations.record(request, `queue_${action}d`, { queue: queue.name });
        return { name: queue.name, isPaused: await queue.isPaused() };
      },
    );
  }
};

async function describe(queue: Queue): Promise<z.infer<typeof queueSchema>> {
  const [isPaused, counts, workers, [oldest]] = await Promise.all([
    queue.isPaused(),
    queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'),
    queue.getWorkersCount(),
    queue.getWaiting(0, 0),
  ]);
  return {
    name: queue.name,
    isPaused,
    counts,
    workers,
    oldestWaitingMs: oldest ? Math.max(0, Date.now() - oldest.timestamp) : null,
  };
}
