/** The worker: investigates wakes and delivers their DMs. */
import { readFile } from 'node:fs/promises';
import type { Config } from '@kora-wake/shared/config';
import { SYSTEM_PROMPT } from '@kora-wake/shared/core/prompt';
import { StartupError } from '@kora-wake/shared/errors';
import { redisKeys } from '@kora-wake/shared/keys';
import { runApp } from '@kora-wake/shared/lifecycle';
import { deliveriesQueue, wakesQueue } from '@kora-wake/shared/queues';
import { closeRedis, connectRedis, redisKnowledge } from '@kora-wake/shared/redis';
import { auditWriter } from './audit.ts';
import { anthropicEngine } from './engine.ts';
import { DeliveryFailure, type Messenger, slackMessenger } from './slack.ts';
import { startSweeper } from './sweep.ts';
import { startWorkers } from './workers.ts';

/** Before the first retry of an engine call, ms. */
const ENGINE_RETRY_MS = 1_000;
await runApp('worker', async ({ config, log, onClose }) => {
  const systemPrompt = await readSystemPrompt(config.systemPromptPath);
  const redis = await connectRedis(config.redisUrl, 'producer', log);
  onClose(() => closeRedis(redis));
  const connection = await connectRedis(config.redisUrl, 'worker', log);
  onClose(() => closeRedis(connection));
  const keys = redisKeys(config.queuePrefix);
  const deliveries = deliveriesQueue(redis, config.queuePrefix);
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
  onClose(
    startWorkers({
      connection,
      engine,
      concurrency: config.workerConcurrency,
      messenger,
      deliveries,
      audit: auditWriter(config.auditLogPath, Date.now, log),
      redis,
      keys,
      redisKnowledge: redisKnowledge(redis, keys),
      now: Date.now,
      log,
    }),
  );
  const wakes = wakesQueue(redis, config.queuePrefix);
  onClose(() => wakes.close());
  onClose(startSweeper({ redis, keys, wakes, deliveries, now: Date.now, log }));

  log.info(
    {
      concurrency: config.workerConcurrency,
      engine: config.anthropic.credential ? config.models.normal.model : 'none: DMs say engine_unavailable',
      slack: messenger ? 'on' : 'none: DMs are printed here',
    },
    'waiting for wakes',
  );
});

function messengerFor({ slack }: Config): Messenger | undefined {
  if (!slack.botToken) return undefined;
  if (slack.operatorUserId) {
    return slackMessenger({ token: slack.botToken, channel: slack.operatorUserId, apiUrl: slack.apiUrl });
  }
  return { post: toNobody, find: toNobody };
}

function toNobody(): Promise<never> {
  return Promise.reject(new DeliveryFailure('permanent', 'operator_unset'));
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
