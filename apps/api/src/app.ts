/** Builds the API; `main.ts` runs it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { DeliveriesQueue } from '@kora-wake/shared/queues';
import { isRedisAway } from '@kora-wake/shared/redis';
import type { WindowStore } from '@kora-wake/shared/windows';
import Fastify, { type FastifyBaseLogger, type FastifyError, LogController } from 'fastify';
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
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.send(error);
    request.log.error(
      { method: request.method, route: request.routeOptions.url, error: error.message },
      'request failed',
    );
    return isRedisAway(error)
      ? reply
          .code(503)
          .send({ statusCode: 503, error: 'Service Unavailable', message: 'Redis does not answer; try again.' })
      : reply.code(500).send({
          statusCode: 500,
          error: 'Internal Server Error',
          message: 'Something went wrong; the log of the API says what.',
        });
  });

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
  await app.register(healthRoutes, { redis: store.redis });
  await app.register(queueRoutes, { queues: [store.queue, deliveries] });
  await app.register(debounceRoutes, { store });
  await app.register(board([store.queue, deliveries], '/admin/queues'), { prefix: '/admin/queues' });
  return app;
}
