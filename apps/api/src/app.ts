/** Builds the API; `main.ts` runs it. */
import compress from '@fastify/compress';
import etag from '@fastify/etag';
import helmet from '@fastify/helmet';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { Settings } from '@kora-wake/shared/policy/settings';
import { VERSION } from '@kora-wake/shared/runtime/version';
import type { DeliveriesQueue, FollowupsQueue } from '@kora-wake/shared/store/queues';
import type { WindowStore } from '@kora-wake/shared/store/windows';
import type { Redact } from '@kora-wake/shared/wake/redact';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { guard } from './auth.ts';
import type { Backtests } from './backtest/backtests.ts';
import { board } from './board.ts';
import type { Clicks } from './clicks.ts';
import { CONNECTION_LIMITS, type ConnectionLimits, limitConnections } from './connections.ts';
import type { Tokens } from './credentials.ts';
import { answerUnknownPath, type ErrorAnswers, errorAnswers } from './errors.ts';
import { GUESS_LIMITS, type GuessLimits } from './guesses.ts';
import type { DurableLog } from './ingest/durable-log.ts';
import { ingest } from './ingest/ingest.ts';
import { metrics } from './metrics.ts';
import type { OperationLog } from './operations.ts';
import { backtestRoutes } from './routes/backtest.ts';
import { costRoutes } from './routes/costs.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { debounceRoutes } from './routes/debounce.ts';
import { eventRoutes } from './routes/events.ts';
import { HEALTH_PATHS, healthRoutes } from './routes/health.ts';
import { holdRoutes } from './routes/hold.ts';
import { incidentRoutes } from './routes/incidents.ts';
import { INGEST_PATHS, type IngestRoutes, ingestRoutes } from './routes/ingest.ts';
import { investigationRoutes } from './routes/investigations.ts';
import { queueRoutes } from './routes/queues.ts';
import { SLACK_PATHS, slackRoutes } from './routes/slack.ts';
import { statsRoutes } from './routes/stats.ts';
import { type Setup, statusRoutes } from './routes/status.ts';
import { testAlertRoutes } from './routes/test-alert.ts';
import type { SocketState } from './socket.ts';

export interface ApiOptions {
  store: WindowStore;
  /** Of the policy in force. */
  settings(): Settings;
  deliveries: DeliveriesQueue;
  followups: FollowupsQueue;
  /** False if the Redis user lacks the rights to count workers. */
  countsWorkers?: boolean;
  /** Without a token the API answers this machine only. */
  tokens: Tokens;
  /** Everything is under this path, such as `/kora`; '' for `/`. The two health routes are also outside of it. */
  basePath: string;
  /** USD per UTC month; 0 = no limit. */
  budgetUsd: number;
  setup: Setup;
  /** Access and mappings of the alerts of other tools. */
  ingestion: Omit<IngestRoutes, 'ingest'> & { log: DurableLog };
  backtests: Backtests;
  /** State of the socket to Slack; undefined: there is none. */
  socket?: SocketState | undefined;
  /** Applies clicks of people in Slack. */
  clicks: Clicks;
  /** Signs the clicks that Slack sends over HTTP; undefined: it sends none. */
  slackSigningSecret?: string | undefined;
  /** Address of the console, to which shortened DMs link. */
  consoleUrl?: string | undefined;
  /** Removes secrets from texts of people. */
  redact: Redact;
  /** Records each change by an operator. */
  operations: OperationLog;
  /** ms since the epoch */
  now(): number;
  /** Folder of the built console. Without it the API serves no console. */
  consoleFolder?: string;
  /** Whether each request becomes a span. */
  traced?: boolean;
  connectionLimits?: ConnectionLimits;
  guessLimits?: GuessLimits;
  log: FastifyBaseLogger;
}

/** Bytes. The two names of a window may be long and in any script: 3,000 emoji are 36,000 bytes when percent-encoded. */
const MAX_URL_BYTES = 128 * 1024;
/** Bytes. Our own bodies hold at most a reason of 500 characters, but Bull Board may send a job. */
const MAX_BODY_BYTES = 256 * 1024;

export async function buildApp(options: ApiOptions) {
  const { store, tokens, basePath, traced, log } = options;
  const { connectionLimits = CONNECTION_LIMITS, guessLimits = GUESS_LIMITS } = options;
  const errors = errorAnswers(() => store.redis.status === 'ready');
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: MAX_URL_BYTES },
    requestTimeout: connectionLimits.requestMs,
    http: {
      maxHeaderSize: MAX_URL_BYTES,
      headersTimeout: connectionLimits.headerMs,
      connectionsCheckingInterval: connectionLimits.checkMs,
    },
    bodyLimit: MAX_BODY_BYTES,
    frameworkErrors: (error, request, reply) => void errors.answer(error, request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(errors.answer);
  app.addHook('onResponse', async (request, reply) => errors.answered(request, reply));
  limitConnections(app, connectionLimits);

  if (traced) {
    const { FastifyOtelInstrumentation } = await import('@fastify/otel');
    const requests = new FastifyOtelInstrumentation({
      instrumentHooks: false,
      instrumentHandler: false,
    });
    await app.register(requests.plugin());
  }
  // The order counts: the tag belongs to the answer before it is compressed.
  await app.register(etag, { weak: true });
  await app.register(compress, { encodings: ['gzip'] });
  await app.register(helmet, { contentSecurityPolicy: CSP });
  app.addHook('onSend', async (_request, reply) => {
    // Only files that say otherwise may be stored: they are the same for everybody.
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
  });
  const open = new Set(
    [...HEALTH_PATHS, ...INGEST_PATHS, ...SLACK_PATHS].flatMap((path) => [path, `${basePath}${path}`]),
  );
  guard(app, { tokens, guessLimits, basePath, open });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kora Wake',
        version: VERSION,
        description: `The on-call first responder: its queues, debounce windows, investigations and costs. [Back to the console](${basePath}/).`,
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' }, browser: { type: 'http', scheme: 'basic' } },
      },
      ...(tokens.token !== undefined && { security: [{ token: [] }, { browser: [] }] }),
    },
    transform: jsonSchemaTransform,
    transformObject: withoutUnusedSchemas,
  });
  const health = { redis: store.redis, keys: store.keys, now: options.now };
  if (basePath !== '') {
    await app.register(healthRoutes, health);
    // Relative addresses in the console need the slash at the end.
    app.addHook('onRequest', async (request, reply) => {
      if (request.url.split('?', 1)[0] === basePath) await reply.redirect(`${basePath}/`);
    });
  }
  app.setNotFoundHandler(answerUnknownPath(basePath));
  await app.register(routesUnder(options, errors), { prefix: basePath });
  return app;
}

/** Registers every route, under the prefix of the scope that it is called with. */
function routesUnder(options: ApiOptions, errors: ErrorAnswers) {
  return async (app: FastifyInstance) => {
    const {
      store,
      deliveries,
      followups,
      countsWorkers = true,
      tokens,
      basePath,
      budgetUsd,
      setup,
      consoleUrl,
    } = options;
    const { operations, redact, now, consoleFolder, log } = options;
    const { redis, keys, queue } = store;
    await app.register(swaggerUi, { routePrefix: '/docs', indexPrefix: basePath });
    const queues = [queue, deliveries];
    const all = [...queues, followups];
    await app.register(healthRoutes, { redis, keys, now });
    await app.register(queueRoutes, { queues: all, countsWorkers, operations, now });
    await app.register(debounceRoutes, { store, operations });
    await app.register(investigationRoutes, { store, deliveries, consoleUrl, now });
    await app.register(incidentRoutes, { store, deliveries, operations, redact, consoleUrl });
    await app.register(holdRoutes, { redis, keys, operations });
    await app.register(slackRoutes, { clicks: options.clicks, signingSecret: options.slackSigningSecret, now });
    await app.register(deadLetterRoutes, { redis, keys, queues: all, operations, now });
    await app.register(costRoutes, { redis, keys, budgetUsd, operations, now });
    await app.register(statsRoutes, { redis, keys, now });
    await app.register(statusRoutes, {
      redis,
      keys,
      deliveries,
      operations,
      tokens,
      setup,
      socket: options.socket,
      isHttpOpen: options.slackSigningSecret !== undefined,
      now,
    });
    await app.register(eventRoutes, { store, tokens });
    await app.register(backtestRoutes, { backtests: options.backtests });
    const { log: durable, ...ingestion } = options.ingestion;
    const ingesting = { redis, keys, log: durable, ...setup, redact, now, events: log };
    const { settings } = options;
    await app.register(testAlertRoutes, { redis, keys, log: durable, ...setup, settings, redact, operations, now });
    await app.register(ingestRoutes, { ingest: ingest(ingesting), ...ingestion });
    const scrape = metrics({ store, deliveries, budgetUsd, socket: options.socket, now });
    app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
      reply.type(scrape.type).send(await scrape.text()),
    );
    if (consoleFolder !== undefined) {
      await app.register(fastifyStatic, {
        root: consoleFolder,
        wildcard: false,
        // The console needs less than the pages that CSP allows for.
        setHeaders: (reply) => {
          void reply.header('content-security-policy', CONSOLE_CSP);
        },
      });
    }
    await app.register(board(all, `${basePath}/admin/queues`, `${basePath}/`, operations, errors), {
      prefix: '/admin/queues',
    });
  };
}

/**
 * Names the schemas of the contract under `components`, in the order of their names: otherwise it depends on the order in which modules
 * were loaded. The library adds an `…Input` twin of each; unused ones are left out.
 */
const withoutUnusedSchemas: typeof jsonSchemaTransformObject = (document) => {
  const transformed = jsonSchemaTransformObject(document);
  const schemas = 'components' in transformed ? (transformed.components?.schemas ?? {}) : {};
  const paths = JSON.stringify(transformed.paths);
  for (const [name, schema] of Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    delete schemas[name];
    const isUnused = name.endsWith('Input') && !paths.includes(`"#/components/schemas/${name}"`);
    if (!isUnused) schemas[name] = schema;
  }
  return transformed;
};

/** Swagger UI and Bull Board have inline styles and scripts in their pages. Our lock file pins their content. */
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
