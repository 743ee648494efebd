/** Bull Board for our queues. It has no access control of its own; the API's token protects it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { isForbidden } from '@kora-wake/shared/runtime/redis-fault';
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';
import { markInvisible } from '@kora-wake/shared/wake/text';
import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { READ_METHODS } from './auth.ts';
import { type ErrorAnswers, httpErrors } from './errors.ts';
import { BULL_BOARD_USED, type OperationLog } from './operations.ts';

/** Maxima of numbers in a query. The pages of Bull Board ask for at most 50 jobs. */
const MAXIMA = { jobsPerPage: 100, page: 1_000_000 };

/** Bull Board shows no details of Redis if the user may not run INFO. */
class BoardQueue extends BullMQAdapter {
  override async getRedisInfo(): ReturnType<BullMQAdapter['getRedisInfo']> {
    try {
      return await super.getRedisInfo();
    } catch (error) {
      if (isForbidden(error)) return null;
      throw error;
    }
  }
}

/** The plugin to register under `path`, with a link to the console under `consolePath`. It answers errors like the rest of the API, and records each change. */
export function board(
  queues: Queue[],
  path: string,
  consolePath: string,
  operations: OperationLog,
  errors: ErrorAnswers,
) {
  const server = new FastifyAdapter();
  createBullBoard({
    queues: queues.map((queue) => new BoardQueue(queue)),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Kora Wake',
        hideDocsLink: true,
        miscLinks: [{ text: 'Back to the console', url: consolePath }],
      },
    },
  });
  server.setBasePath(path);
  const routes = server.registerPlugin();
  return async (scope: FastifyInstance) => {
    scope.setErrorHandler(errors.answer);
    scope.setReplySerializer((payload) => JSON.stringify(payload, markText));
    scope.addHook('preHandler', async ({ query }) => {
      if (isJsonObject(query)) boundQuery(query);
    });
    scope.addHook('onSend', async (request, reply) => {
      if (READ_METHODS.has(request.method) || reply.statusCode >= 400) return;
      const changed = request.url.slice(path.length).replace(/^\/api|\?.*$/g, '');
      await operations.record(request, BULL_BOARD_USED, { request: `${request.method} ${changed}` });
    });
    // Bull Board would set an error handler that answers in another shape.
    const withOurHandler: FastifyInstance = Object.assign(Object.create(scope), { setErrorHandler: () => scope });
    routes(withOurHandler, {}, () => undefined);
  };
}

/** Bull Board itself sets no maximum. It fails if a value has a NUL, or if the name of a queue is not percent-encoded. */
function boundQuery(query: JsonObject): void {
  for (const [name, max] of Object.entries(MAXIMA)) if (Number(query[name]) > max) query[name] = String(max);
  if (Object.values(query).some((value) => typeof value === 'string' && value.includes('\0'))) {
    throw httpErrors.badRequest('A value in the query has a NUL.');
  }
  try {
    for (const name of [query.activeQueue, query.queueName]) if (typeof name === 'string') decodeURIComponent(name);
  } catch {
    throw httpErrors.badRequest('The name of a queue must be percent-encoded.');
  }
}

/** Jobs contain texts of probes. Nobody could see the characters in them that hide or reverse others. */
function markText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? markInvisible(value) : value;
}
