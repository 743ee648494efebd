/** Bull Board over our two queues. It has no access rule of its own; the API's token covers it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Operations } from './operations.ts';

const LOOKS = new Set(['GET', 'HEAD', 'OPTIONS']);

type ErrorHandler = (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => unknown;

/**
 * The plugin to register under `path`; its errors are answered as those of the rest of the API, and what it changes is
 * on record.
 */
export function board(queues: Queue[], path: string, onError: ErrorHandler, operations: Operations) {
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
    scope.addHook('onSend', async (request, reply) => {
      if (LOOKS.has(request.method) || reply.statusCode >= 400) return;
      const asked = request.url.slice(path.length).replace(/^\/api|\?.*$/g, '');
      await operations.record(request, 'bull_board_used', { request: `${request.method} ${asked}` });
    });
    // It would set an error handler of its own, with a shape of its own.
    const kept: FastifyInstance = Object.assign(Object.create(scope), { setErrorHandler: () => scope });
    routes(kept, {}, () => undefined);
  };
}
