/** The worker: investigates wakes and delivers their DMs. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@kora-wake/shared/config';
import { SYSTEM_PROMPT } from '@kora-wake/shared/core/prompt';
import { StartupError } from '@kora-wake/shared/errors';
import { redisKeys } from '@kora-wake/shared/keys';
import { DRAIN_MS, runApp } from '@kora-wake/shared/lifecycle';
import { errorFields } from '@kora-wake/shared/log';
import { settle } from '@kora-wake/shared/outcomes';
import {
  DELIVERIES,
  type DeliverJob,
  deliveriesQueue,
  deliveryBackoffMs,
  WAKES,
  type WakeJob,
  WORKER_OPTIONS,
} from '@kora-wake/shared/queues';
import { closeRedis, connectRedis } from '@kora-wake/shared/redis';
import { releaseWindow } from '@kora-wake/shared/windows';
import { type Job, Worker } from 'bullmq';
import { auditWriter } from './audit.ts';
import { deliverer } from './deliver.ts';
import { anthropicEngine } from './engine.ts';
import { investigator } from './investigate.ts';
import { DeliveryFailure, type Messenger, slackMessenger } from './slack.ts';

/** Before the first retry of an engine call, ms. */
const ENGINE_RETRY_MS = 1_000;
/** Deliveries at once in one process: a post that hangs must not hold up the others. */
const DELIVERY_CONCURRENCY = 4;
/** Slack takes about one message a second to a channel; counted in Redis, over all workers. */
const SLACK_PACE = { max: 1, duration: 1_000 };

await runApp('worker', async ({ config, log, onClose }) => {
  const systemPrompt = await readSystemPrompt(config.systemPromptPath);
  const redis = await connectRedis(config.redisUrl, 'producer', log);
  onClose(() => closeRedis(redis));
  const connection = await connectRedis(config.redisUrl, 'worker', log);
  onClose(() => closeRedis(connection));
  const keys = redisKeys(config.queuePrefix);
  const deliveries = deliveriesQueue(redis, config.queuePrefix);
  deliveries.on('error', () => undefined); // connection trouble is reported by the connection itself
  onClose(() => deliveries.close());

  const engine = anthropicEngine({
    credential: config.anthropic.credential,
    baseUrl: config.anthropic.baseUrl,
    systemPrompt,
    model: config.models.normal,
    timeoutMs: config.investigationTimeoutMs,
    retryDelayMs: ENGINE_RETRY_MS,
    onCall: (wake, call) => log.info({ wakeId: wake.id, ...call }, 'engine call'),
  });
  const messenger = messengerFor(config);
  const audit = auditWriter(config.auditLogPath, Date.now, log);
  const common = { ...WORKER_OPTIONS, connection, prefix: config.queuePrefix };

  const delivering = new Worker<DeliverJob, void>(
    DELIVERIES,
    deliverer({ messenger, deliveries, audit, redis, keys, now: Date.now, log }),
    {
      ...common,
      concurrency: DELIVERY_CONCURRENCY,
      settings: { backoffStrategy: deliveryBackoffMs },
      ...(messenger && { limiter: SLACK_PACE }),
    },
  );
  onClose(() => drain(delivering));
  const investigating = new Worker<WakeJob, void>(WAKES, investigator({ engine, deliveries, log }), {
    ...common,
    concurrency: config.workerConcurrency,
  });
  onClose(() => drain(investigating));

  for (const worker of [delivering, investigating]) {
    worker.on('error', (error) => log.debug(errorFields(error), 'worker error'));
  }
  // A wake that never got as far as a message holds no window, and is not forgotten.
  investigating.on('failed', (job) =>
    ended(job, async ({ wake }) => {
      await releaseWindow(redis, keys, wake);
    }),
  );
  delivering.on('failed', (job) => ended(job, async () => undefined));

  /** For jobs that failed for good: also those that BullMQ fails by itself, without asking the processor. */
  function ended<T extends WakeJob>(job: Job<T> | undefined, more: (data: T) => Promise<void>): void {
    if (job?.finishedOn === undefined) return;
    const { wake } = job.data;
    log.error({ wakeId: wake.id, queue: job.queueName, reason: job.failedReason }, 'job failed for good');
    Promise.all([settle(redis, keys, wake.id, 'dead', Date.now()), more(job.data)]).catch((error: unknown) =>
      log.error({ wakeId: wake.id, ...errorFields(error) }, 'the end of a job could not be recorded'),
    );
  }

  log.info(
    {
      concurrency: config.workerConcurrency,
      engine: config.anthropic.credential ? config.models.normal.model : 'none: DMs say engine_unavailable',
      slack: messenger ? 'on' : 'none: DMs are printed here',
    },
    'waiting for wakes',
  );
});

/** Takes no new jobs, lets those in hand end until the deadline, then aborts the rest, which gives them back. */
async function drain(worker: Worker): Promise<void> {
  const closed = worker.close();
  const timer = new AbortController();
  const late = sleep(DRAIN_MS, 'late', { signal: timer.signal }).catch(() => undefined);
  if ((await Promise.race([closed, late])) === 'late') worker.cancelAllJobs('shutting down');
  await closed;
  timer.abort();
}

function messengerFor({ slack }: Config): Messenger | undefined {
  if (!slack.botToken) return undefined;
  if (slack.operatorUserId) {
    return slackMessenger({ token: slack.botToken, channel: slack.operatorUserId, apiUrl: slack.apiUrl });
  }
  return {
    post: () => Promise.reject(new DeliveryFailure('permanent', 'operator_unset')),
  };
}

async function readSystemPrompt(path: string | undefined): Promise<string> {
  if (!path) return SYSTEM_PROMPT;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new StartupError(
      `KORA_SYSTEM_PROMPT_PATH: ${path} cannot be read. Name a file this user can read, or unset it.`,
      { cause: error },
    );
  });
  if (text.trim() === '')
    throw new StartupError(`KORA_SYSTEM_PROMPT_PATH: ${path} is empty. Write a prompt there, or unset it.`);
  return text;
}
