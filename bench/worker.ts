/** The worker with an engine and a Slack that take no time, so that only our own work is measured. Runs as a process. */

import { runApp } from '@kora-wake/shared/runtime/lifecycle';
import { connectRedis } from '@kora-wake/shared/runtime/redis';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, followupsQueue, wakesQueue } from '@kora-wake/shared/store/queues';
import { redisCompleteSince } from '@kora-wake/shared/store/redis-state';
import { NO_USAGE } from '@kora-wake/shared/wake/report';
import { auditWriter } from '../apps/worker/src/audit.ts';
import { prices } from '../apps/worker/src/investigation/prices.ts';
import { workerMetrics } from '../apps/worker/src/metrics.ts';
import { serviceReports } from '../apps/worker/src/presence.ts';
import { startWorkers } from '../apps/worker/src/workers.ts';

await runApp('worker', async ({ config, log, onClose }) => {
  const redis = await connectRedis(config.redisUrl, 'producer', log);
  const connection = await connectRedis(config.redisUrl, 'worker', log);
  const keys = redisKeys(config.queuePrefix);
  const metrics = workerMetrics(prices());
  const followups = followupsQueue(redis, config.queuePrefix);
  const workers = startWorkers({
    followups,
    repostAfterMs: 0,
    callWebhook: async () => undefined,
    commitWaitMs: 0,
    connection,
    engine: {
      investigate: async () => ({
        kind: 'diagnosis',
        text: 'The Fly API answers 401, so the token of the probe has most likely expired.\nNext step: renew the token.',
        model: 'claude-sonnet-5-5',
        usage: NO_USAGE,
        costUsd: 0,
        durationMs: 0,
        calls: [],
      }),
    },
    services: serviceReports({ redis, keys, log }),
    keepsSteps: true,
    isOnChange: () => false,
    concurrency: config.workerConcurrency,
    messenger: {
      post: async () => ({ channel: 'D1', ts: '1.1' }),
      edit: async () => undefined,
      find: async () => undefined,
    },
    pace: undefined,
    wakes: wakesQueue(redis, config.queuePrefix),
    deliveries: deliveriesQueue(redis, config.queuePrefix),
    audit: auditWriter({ path: config.auditLogPath, createsFolder: true }, Date.now, log),
    redis,
    keys,
    redisCompleteSince: redisCompleteSince(redis, keys),
    ended: metrics.ended,
    hasStorms: () => false,
    digested: () => undefined,
    withdrawn: metrics.withdrawn,
    now: Date.now,
    log,
  });
  onClose(workers.stop);
  await workers.ready();
  // Plain text: the bench sets a log level that hides `worker.ready`.
  console.log('ready');
});
