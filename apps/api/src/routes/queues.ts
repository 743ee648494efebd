import type { Queue } from 'bullmq';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, QueueParams, QueueState, Queues, ReasonQuery } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import type { OperationLog } from '../operations.ts';
import { countJobs, oldestWaitingMs } from '../queue-state.ts';

/** The queues: their jobs and workers, pause and resume. */
export const queueRoutes: FastifyPluginAsyncZod<{
  queues: Queue[];
  countsWorkers: boolean;
  operations: OperationLog;
  now(): number;
}> = async (app, { queues, countsWorkers, operations, now }) => {
  async function describe(queue: Queue) {
    const [isPaused, counts, workers, oldest] = await Promise.all([
      queue.isPaused(),
      countJobs(queue),
      countsWorkers ? queue.getWorkersCount() : null,
      oldestWaitingMs(queue, now()),
    ]);
    return { name: queue.name, isPaused, counts, workers, oldestWaitingMs: oldest };
  }

  app.get(
    '/v1/queues',
    { schema: { summary: 'Queues with their jobs and workers', response: { 200: Queues } } },
    async () => ({ queues: await Promise.all(queues.map(describe)) }),
  );

  for (const action of ['pause', 'resume'] as const) {
    app.post(
      `/v1/queues/:name/${action}`,
      {
        schema: {
          summary: action === 'pause' ? 'Pause a queue: jobs in progress finish' : 'Resume a queue',
          params: QueueParams,
          querystring: ReasonQuery,
          response: { 200: QueueState, 404: ErrorAnswer },
        },
      },
      async (request) => {
        const { params } = request;
        const queue = queues.find(({ name }) => name === params.name);
        if (!queue) {
          const names = new Intl.ListFormat('en').format(queues.map(({ name }) => name));
          throw httpErrors.notFound(`There is no such queue; there are ${names}.`);
        }
        await queue[action]();
        await operations.record(request, `queue_${action}d`, { queue: queue.name });
        return { name: queue.name, isPaused: await queue.isPaused() };
      },
    );
  }
};
