/** The API: it shows operators the state of Kora Wake and takes their changes, over HTTP. */
import { join } from 'node:path';
import { choosePairBy } from '@kora-wake/shared/ingest/field-spec';
import { mappings } from '@kora-wake/shared/ingest/sources';
import { EVENTS_V2 } from '@kora-wake/shared/ingest/sources/events-v2';
import type { Policy } from '@kora-wake/shared/policy/policy';
import { livePolicy } from '@kora-wake/shared/policy/policy-file';
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { auditLog } from '@kora-wake/shared/runtime/audit-log';
import { isLoopback } from '@kora-wake/shared/runtime/config';
import { knownValues } from '@kora-wake/shared/runtime/credentials';
import { listenFailure, StartupError } from '@kora-wake/shared/runtime/errors';
import { runApp } from '@kora-wake/shared/runtime/lifecycle';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { proxiedFetch, slackDispatcher } from '@kora-wake/shared/runtime/proxy';
import { closeRedis, connectRedis } from '@kora-wake/shared/runtime/redis';
import { redactedUrl } from '@kora-wake/shared/runtime/redis-url';
import { redisKeys, sourceId } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, followupsQueue, wakesQueue } from '@kora-wake/shared/store/queues';
import { assertRights } from '@kora-wake/shared/store/redis-rights';
import { redactor } from '@kora-wake/shared/wake/redact';
import { buildApp } from './app.ts';
import { backtests } from './backtest/backtests.ts';
import { announceClicks, clicks } from './clicks.ts';
import { durableLog } from './ingest/durable-log.ts';
import { threadedWriter } from './ingest/log-writer.ts';
import { signings } from './ingest/signatures.ts';
import { readPublicUrl, sns } from './ingest/sns.ts';
import { operationLog } from './operations.ts';
import { recordText } from './record-text.ts';
import type { Mappings } from './routes/ingest.ts';

await runApp('api', async ({ config, env, log, tracing, stopping, onClose, onReload }) => {
  const { host, port, basePath, ...tokens } = config.api;
  const { token } = tokens;
  const { token: ingestToken, snsTopicArns, ...secrets } = config.ingest;
  if (!token && !isLoopback(host)) {
    throw new StartupError(
      `KORA_API_HOST is ${host}, which other machines can reach: set KORA_API_TOKEN, or listen on 127.0.0.1.`,
    );
  }
  const policy = livePolicy(config, { onReload, log });
  const keys = redisKeys(config.queuePrefix);
  let countsWorkers = true;
  const redis = await connectRedis(config.redisUrl, 'producer', log, {
    signal: stopping,
    verify: async (client) => {
      ({ countsWorkers } = await assertRights(client, keys, log));
    },
  });
  onClose(() => closeRedis(redis));
  const queue = wakesQueue(redis, config.queuePrefix);
  const deliveries = deliveriesQueue(redis, config.queuePrefix);
  const followups = followupsQueue(redis, config.queuePrefix);
  for (const each of [queue, deliveries, followups]) onClose(() => each.close());
  const logFile = { path: config.auditLogPath, createsFolder: config.createsLogFolder };
  const writer = threadedWriter(logFile);
  onClose(() => writer.close());
  const appLog = log.child({});
  const known = knownValues(env);
  const redact = redactor(config.redact, known);
  const append = auditLog(logFile, Date.now, log);
  const operations = operationLog({ redis, keys, append, now: Date.now, text: recordText(redact, tokens), log });
  const slackClicks = clicks({ redis, keys, operations, log });
  const { signingSecret, appToken, apiUrl } = config.slack;
  // Loaded only if needed, because that takes a fifth of a second.
  const socket =
    appToken === undefined
      ? undefined
      : (await import('./socket.ts')).slackSocket({
          appToken,
          apiUrl,
          fetch: await proxiedFetch(config.proxy),
          dispatcher: await slackDispatcher(config.proxy),
          clicks: slackClicks,
          log,
        });
  if (socket) onClose(socket.close);
  const takesClicks = () => signingSecret !== undefined || socket?.state.isConnected === true;
  const stopAnnouncing = announceClicks(redis, keys, takesClicks);
  onClose(async () => stopAnnouncing());
  const app = await buildApp({
    store: { redis, queue, keys },
    settings: policy.derived(({ rules }) => settingsOf(rules, config.debounce)),
    deliveries,
    followups,
    countsWorkers,
    tokens,
    basePath,
    budgetUsd: config.costMonthlyUsd,
    setup: {
      logPath: config.auditLogPath,
      sourceId: sourceId(config.auditLogPath, config.sourceName),
      redisAddress: redactedUrl(config.redisUrl),
      policy: policy.state,
      isIngestionOpen: ingestToken !== undefined || isLoopback(host),
      hasConsoleUrl: config.consoleUrl !== undefined,
    },
    ingestion: {
      log: durableLog(writer.write),
      mappings: policy.derived(ingestionOf),
      access: {
        ...(ingestToken !== undefined && { token: ingestToken }),
        signings: signings(secrets),
        isLocal: isLoopback(host),
        apiTokens: tokens,
      },
      sns: snsTopicArns && sns(snsTopicArns, readPublicUrl, Date.now),
    },
    backtests: backtests({
      logPath: config.auditLogPath,
      debounce: config.debounce,
      quietMs: config.incidentQuietMs,
      policy: policy.current,
      patterns: config.redact,
      known,
    }),
    socket: socket?.state,
    clicks: slackClicks,
    slackSigningSecret: signingSecret,
    consoleUrl: config.consoleUrl,
    operations,
    redact,
    now: Date.now,
    consoleFolder: join(import.meta.dirname, '..', '..', 'console', 'dist'),
    traced: tracing !== undefined,
    log: appLog,
  });
  onClose(() => app.close());
  // Fastify logs a line of its own for each address: ours has an event name.
  appLog.level = 'silent';
  const origin = await app.listen({ host, port }).catch((error: unknown) => {
    throw new StartupError(listenFailure(error, host, port), { cause: error });
  });
  appLog.level = log.level;
  const url = `${origin}${basePath}`;
  const access = token ? 'a token is required' : 'no token, this machine only';
  logEvent(log, 'api.listening', { url }, `listening on ${url} (${access})`);
});

function ingestionOf(policy: Policy): Mappings {
  return { sources: mappings(policy), chooseForEvents: choosePairBy(policy.sources.get(EVENTS_V2)) };
}
