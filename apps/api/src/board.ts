/** Bull Board over our two queues. It has no access rule of its own; the API's token covers it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

type ErrorHandler = (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => unknown;

/** The plugin to register under `path`; its errors are answered as those of the rest of the API. */
export function board(queues: Queue[], path: string, onError: ErrorHandler) {
  const server = new FastifyAdapter();
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue)),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'Kora Wake' } },
  });
  server.setBasePath(path);
  const routes = server.registerPlugin();
  return async (scope: FastifyInstance) => {
    scope.setErrorHandler(onError);
    // It would set an error handler of its own, with a shape of its own.
    const kept: FastifyInstance = Object.assign(Object.create(scope), { setErrorHandler: () => scope });
    routes(kept, {}, () => undefined);
  };
}
