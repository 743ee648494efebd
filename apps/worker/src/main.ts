/** Entry point of the worker, which investigates wakes and delivers their DMs. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Escalation } from '@kora-wake/shared/policy/policy';
import { livePolicy } from '@kora-wake/shared/policy/policy-file';
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { unlessAborted } from '@kora-wake/shared/runtime/async';
import type { Config } from '@kora-wake/shared/runtime/config';
import { knownValues } from '@kora-wake/shared/runtime/credentials';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { runApp } from '@kora-wake/shared/runtime/lifecycle';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { serveMetrics } from '@kora-wake/shared/runtime/metrics-server';
import { proxiedFetch } from '@kora-wake/shared/runtime/proxy';
import { closeRedis, connectRedis } from '@kora-wake/shared/runtime/redis';
import { outageLog } from '@kora-wake/shared/runtime/redis-outage';
import { VERSION } from '@kora-wake/shared/runtime/version';
import { ledger } from '@kora-wake/shared/store/budget-ledger';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { deliveriesQueue, followupsQueue, wakesQueue } from '@kora-wake/shared/store/queues';
import { assertRights } from '@kora-wake/shared/store/redis-rights';
import { redisCompleteSince } from '@kora-wake/shared/store/redis-state';
import type { WorkerSetup } from '@kora-wake/shared/store/running-workers';
import { WEBHOOK } from '@kora-wake/shared/wake/notice';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { redactor } from '@kora-wake/shared/wake/redact';
import { fallbackReport } from '@kora-wake/shared/wake/report';
import { auditWriter } from './audit.ts';
import { type Check, watchIdentity } from './delivery/identity.ts';
import { DeliveryFailure, type Messenger, type SlackApp, slackMessenger } from './delivery/slack.ts';
import { webhookCaller } from './delivery/webhook.ts';
import { keepIncidents } from './incidents.ts';
import { agent, type Engine } from './investigation/agent.ts';
import type { Model, ModelOptions } from './investigation/model.ts';
import { prices } from './investigation/prices.ts';
import { SYSTEM_PROMPT } from './investigation/prompt.ts';
import { workerMetrics } from './metrics.ts';
import { announce, serviceReports } from './presence.ts';
import { startSweeper } from './repair/sweeper.ts';
import { toolbox } from './tools/toolbox.ts';
import { SLACK_PACE, startWorkers } from './workers.ts';

/** A tailer commits a wake some milliseconds after it has added its job. */
const COMMIT_WAIT_MS = 1_000;
/** Without a window, a message that is gone is posted again at most once in this time, ms. */
const REPOST_MS = 600_000;
/** Delay before the first retry of an LLM call, ms. */
const ENGINE_RETRY_MS = 1_000;

await runApp('worker', async ({ config, env, log, tracing, stopping, onClose, onReload }) => {
  const systemPrompt = await readSystemPrompt(config.systemPromptPath);
  const policy = livePolicy(config, { onReload, log });
  const connect = { signal: stopping, outages: outageLog(log) };
  const keys = redisKeys(config.queuePrefix);
  const redis = await connectRedis(config.redisUrl, 'producer', log, {
    ...connect,
    verify: async (client) => void (await assertRights(client, keys, log)),
  });
  onClose(() => closeRedis(redis));
  const connection = await connectRedis(config.redisUrl, 'worker', log, connect);
  onClose(() => closeRedis(connection));
  const deliveries = deliveriesQueue(redis, config.queuePrefix, tracing?.telemetry);
  onClose(() => deliveries.close());
  const wakes = wakesQueue(redis, config.queuePrefix);
  onClose(() => wakes.close());
  const followups = followupsQueue(redis, config.queuePrefix);
  onClose(() => followups.close());

  const audit = auditWriter({ path: config.auditLogPath, createsFolder: config.createsLogFolder }, Date.now, log);
  const modelPrices = prices(config.modelPrices);
  const metrics = workerMetrics(modelPrices);
  if (config.metricsPort !== undefined) {
    onClose(await serveMetrics(metrics.registry, config.api.host, config.metricsPort));
  }
  const box = await toolbox(config, env, redis, keys, Date.now, log);
  onClose(() => box.close());
  const { credential, baseUrl } = config.anthropic;
  const engine: Engine = credential
    ? agent({
        model: await modelOf({ credential, baseUrl, fetch: await proxiedFetch(config.proxy) }),
        models: config.models,
        prices: modelPrices,
        ledger: ledger(redis, keys, config.costMonthlyUsd, Date.now, randomUUID),
        tools: (_wake, signal) => box.tools(signal),
        connectionChecks: () => box.connectionChecks(),
        systemPrompt,
        redact: redactor(config.redact, knownValues(env)),
        timeoutMs: config.investigationTimeoutMs,
        maxToolRounds: config.maxToolRounds,
        retryDelayMs: ENGINE_RETRY_MS,
        newNonce: () => randomBytes(8).toString('hex'),
        watcher: {
          call: (wake, call) => {
            metrics.engineCall(call);
            logEvent(log, 'engine.call', { wakeId: wake.id, ...call });
          },
          tool: (wake, call) => {
            metrics.toolCall(call);
            logEvent(log, 'tool.call', { wakeId: wake.id, ...call });
            void audit.toolCalled(wake, call);
          },
        },
        log,
      })
    : { investigate: async () => fallbackReport('engine_unavailable') };
  const { botToken, operatorUserId } = config.slack;
  const slackApp = await slackAppFor(config);
  const services = serviceReports({ redis, keys, log });
  const setup: WorkerSetup = {
    startedAt: Date.now(),
    model: credential ? config.models.normal.model : null,
    slack: botToken === undefined ? null : { operator: operatorUserId ?? null, identity: null },
  };
  const announcement = announce({ redis, keys, log }, { ...setup, policy: policy.state(), version: VERSION }, () => ({
    mcp: box.servers(),
    llmAnsweredAt: services.llmAnsweredAt(),
  }));
  const rowSettings = policy.derived(({ rules }) => settingsOf(rules, config.debounce));
  policy.onReloaded(() => announcement.update({ policy: policy.state() }));
  onClose(announcement.stop);
  if (slackApp && operatorUserId) {
    const checked = (check: Check) => {
      services.identityChecked(check);
      if ('identity' in check) announcement.update({ slack: { operator: operatorUserId, ...check } });
    };
    void watchIdentity(slackApp, operatorUserId, { signal: stopping, checked, log });
  }
  const messenger: Messenger | undefined =
    slackApp ??
    (botToken === undefined ? undefined : { post: withoutRecipient, edit: withoutRecipient, find: withoutRecipient });
  const workers = startWorkers({
    connection,
    telemetry: tracing?.telemetry,
    engine,
    commitWaitMs: config.incidentQuietMs > 0 ? COMMIT_WAIT_MS : 0,
    keepsSteps: config.keepsSteps,
    isOnChange: ({ probe, category, severity }) =>
      rowSettings().ofPair(debounceId(probe, category)).of(severity).reinvestigate === 'on_change',
    hasStorms: () => policy.current().storm !== undefined,
    services,
    concurrency: config.workerConcurrency,
    messenger,
    consoleUrl: config.consoleUrl,
    pace: messenger && SLACK_PACE,
    wakes,
    deliveries,
    followups,
    repostAfterMs: config.debounce.windowMs || REPOST_MS,
    callWebhook: webhookCaller(() => policy.current().escalate?.webhook, await proxiedFetch(config.proxy)),
    audit,
    redis,
    keys,
    redisCompleteSince: redisCompleteSince(redis, keys),
    ended: metrics.ended,
    withdrawn: metrics.withdrawn,
    digested: metrics.digested,
    now: Date.now,
    log,
  });
  onClose(workers.stop);
  await unlessAborted(() => workers.ready(), stopping);
  onClose(startSweeper({ redis, keys, wakes, deliveries, now: Date.now, log }));
  const { incidentQuietMs: quietMs, ackRemindMs: remindMs } = config;
  const clocks = () => ({ remindMs, escalate: escalationOf(policy.current().escalate) });
  onClose(keepIncidents({ redis, keys, followups, deliveries, audit, quietMs, clocks, now: Date.now, log }));

  logEvent(log, 'worker.ready', {
    concurrency: config.workerConcurrency,
    engine: credential ? config.models.normal.model : 'not configured: alerts are sent without a diagnosis',
    slack: messenger ? 'on' : 'not configured: DMs are printed here',
  });
});

/** Loads the SDK only if there is a credential, because loading it takes a tenth of a second. */
async function modelOf(options: ModelOptions): Promise<Model> {
  const { anthropicModel } = await import('./investigation/model.ts');
  return anthropicModel(options);
}

/** Undefined without a token or without a recipient. */
async function slackAppFor({ slack, proxy }: Config): Promise<SlackApp | undefined> {
  const { botToken: token, operatorUserId: channel, apiUrl } = slack;
  if (token === undefined || channel === undefined) return undefined;
  return slackMessenger({ token, channel, apiUrl, fetch: await proxiedFetch(proxy) });
}

function escalationOf(escalate: Escalation | undefined) {
  if (!escalate) return undefined;
  const { afterMs, severities, to, webhook } = escalate;
  return { afterMs, severities, to: webhook === undefined ? to : [...to, WEBHOOK] };
}

function withoutRecipient(): Promise<never> {
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
