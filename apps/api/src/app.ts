/** Builds the API; `main.ts` runs it. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { errorFields } from '@kora-wake/shared/log';
import type { DeliveriesQueue } from '@kora-wake/shared/queues';
import { isRedisAway } from '@kora-wake/shared/redis';
import type { WindowStore } from '@kora-wake/shared/windows';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { requireToken } from './auth.ts';
import { board } from './board.ts';
import { debounceRoutes } from './routes/debounce.ts';
import { healthRoutes } from './routes/health.ts';
import { queueRoutes } from './routes/queues.ts';

export interface ApiOptions {
  store: WindowStore;
  deliveries: DeliveriesQueue;
  /** Undefined: every route is open. */
  token: string | undefined;
  log: FastifyBaseLogger;
}

/** A probe's name may be long and any script's: percent-encoded it is longer still. Bytes. */
const MAX_URL_BYTES = 64 * 1024;

export async function buildApp({ store, deliveries, token, log }: ApiOptions) {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: MAX_URL_BYTES },
    http: { maxHeaderSize: MAX_URL_BYTES },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(onError);

  await requireToken(app, token);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kora Wake',
        version: '1',
        description: 'Queues and debounce windows of the on-call first responder.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' }, browser: { type: 'http', scheme: 'basic' } },
      },
      ...(token !== undefined && { security: [{ token: [] }, { browser: [] }] }),
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  await app.register(healthRoutes, { redis: store.redis, keys: store.keys });
  await app.register(queueRoutes, { queues: [store.queue, deliveries] });
  await app.register(debounceRoutes, { store });
  await app.register(board([store.queue, deliveries], '/admin/queues', onError), { prefix: '/admin/queues' });
  return app;
}

/** Answers in Fastify's shape of an error. Of our own faults it says nothing but that; the log says the rest. */
function onError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const status = isRedisAway(error) ? 503 : (error.statusCode ?? 500);
  if (status >= 500) {
    const fields = { method: request.method, route: request.routeOptions.url, ...errorFields(error) };
    request.log.error(fields, 'request failed');
  }
  const ours =
    status === 503 ? 'Redis does not answer; try again.' : 'Something went wrong; the log of the API says what.';
  const message = status < 500 ? error.message : ours;
  return reply.code(status).send({ statusCode: status, error: STATUS_CODES[status] ?? 'Error', message });
}
