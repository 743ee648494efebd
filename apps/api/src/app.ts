/** Builds the API; `main.ts` runs it. */
import { STATUS_CODES } from 'node:http';
import helmet from '@fastify/helmet';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { AppendRow } from '@kora-wake/shared/runtime/audit-log';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { isRedisAway } from '@kora-wake/shared/runtime/redis';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { guard, type Tokens } from './auth.ts';
import { board } from './board.ts';
import { metrics } from './metrics.ts';
import { operationsIn } from './operations.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { debounceRoutes } from './routes/debounce.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { investigationRoutes } from './routes/investigations.ts';
import { queueRoutes } from './routes/queues.ts';
import { statusRoutes } from './routes/status.ts';

export interface ApiOptions {
  store: WindowStore;
  deliveries: DeliveriesQueue;
  /** None: only this machine is answered. */
  tokens: Tokens;
  /** USD a UTC month; 0 = no limit. */
  budgetUsd: number;
  /** Where what operators do is written. */
  append: AppendRow;
  now(): number;
  /** Where the built console lies; undefined: it is not served. */
  consoleFolder?: string;
  /** Whether each request is a span. */
  traced?: boolean;
  log: FastifyBaseLogger;
}

/** The two names of a window may be long and in any script: 3,000 emoji are 36,000 bytes, percent-encoded. Bytes. */
const MAX_URL_BYTES = 128 * 1024;
/** A reason of 500 characters is the most that anybody has to send; Bull Board may send a job. Bytes. */
const MAX_BODY_BYTES = 256 * 1024;

export async function buildApp(options: ApiOptions) {
  const { store, deliveries, tokens, budgetUsd, append, now, consoleFolder, traced, log } = options;
  const { redis, keys, queue } = store;
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: MAX_URL_BYTES },
    http: { maxHeaderSize: MAX_URL_BYTES },
    bodyLimit: MAX_BODY_BYTES,
    frameworkErrors: (error, request, reply) => void onError(error, request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(onError);

  if (traced) {
    const { FastifyOtelInstrumentation } = await import('@fastify/otel');
    const requests = new FastifyOtelInstrumentation({ instrumentHooks: false, instrumentHandler: false });
    await app.register(requests.plugin());
  }
  await app.register(helmet, { contentSecurityPolicy: CSP });
  await guard(app, tokens);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kora Wake',
        version: '1',
        description: 'What the on-call first responder does: queues, windows, investigations, costs.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' }, browser: { type: 'http', scheme: 'basic' } },
      },
      ...(tokens.token !== undefined && { security: [{ token: [] }, { browser: [] }] }),
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  const queues = [queue, deliveries];
  const operations = operationsIn(redis, keys, append, now);
  await app.register(healthRoutes, { redis, keys });
  await app.register(queueRoutes, { queues, operations });
  await app.register(debounceRoutes, { store, operations });
  await app.register(investigationRoutes, { store, deliveries, now });
  await app.register(deadLetterRoutes, { redis, keys, queues, operations, now });
  await app.register(statusRoutes, { redis, keys, budgetUsd, operations, tokens, now });
  await app.register(eventRoutes, { store, redis });
  const scrape = metrics({ store, deliveries, budgetUsd, now });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(scrape.type).send(await scrape.text()),
  );
  if (consoleFolder !== undefined) {
    await app.register(fastifyStatic, {
      root: consoleFolder,
      wildcard: false,
      // Nothing in it needs more; see CSP for what the other pages do.
      setHeaders: (reply) => {
        void reply.header('content-security-policy', CONSOLE_CSP);
      },
    });
  }
  await app.register(board(queues, '/admin/queues', onError, operations), { prefix: '/admin/queues' });
  return app;
}

/** Swagger UI and Bull Board bring styles and scripts in their pages; what they are is in our lock file. */
const CSP = {
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'", "'unsafe-inline'"],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'", 'data:'],
    'connect-src': ["'self'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
    'base-uri': ["'self'"],
    'upgrade-insecure-requests': null,
  },
};

const CONSOLE_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers in Fastify's shape of an error. Of our own faults it says nothing but that; the log says the rest. */
function onError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  // A name that is no job's, but that of a key of BullMQ's beside them.
  const noJob = error.message.startsWith('WRONGTYPE');
  const status = isRedisAway(error) ? 503 : noJob ? 404 : (error.statusCode ?? 500);
  if (status >= 500) {
    const fields = { method: request.method, route: request.routeOptions.url, ...errorFields(error) };
    request.log.error(fields, 'request failed');
  }
  const ours =
    status === 503 ? 'Redis does not answer; try again.' : 'Something went wrong; the log of the API says what.';
  const message = noJob ? 'There is no such job.' : status < 500 ? error.message : ours;
  return reply.code(status).send({ statusCode: status, error: STATUS_CODES[status] ?? 'Error', message });
}
