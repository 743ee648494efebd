/** Both BullMQ workers with a double of Slack, for the tests of wakes and deliveries. */
import { existsSync } from 'node:fs';
import { wakeJobOptions } from '@kora-wake/shared/store/queues';

import { NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { DIAGNOSIS } from '../../../test/support/anthropic.ts';
import { endBeforeCleanup, eventually, type Namespace, rowsOf, testLog } from '../../../test/support/fixtures.ts';

import { type SlackDouble, slackDouble } from '../../../test/support/slack.ts';
import { auditWriter } from '../src/audit.ts';
import { type Messenger, slackMessenger } from '../src/delivery/slack.ts';
import type { Engine } from '../src/investigation/agent.ts';
import { serviceReports } from '../src/presence.ts';
import { SLACK_PACE, startWorkers } from '../src/workers.ts';

/** After this time a post is visible in Slack's history, ms. */
export const VISIBLE_MS = 15_000;

export const diagnosis: Report = {
  kind: 'diagnosis',
  text: DIAGNOSIS,
  model: 'claude-sonnet-5-5',
  usage: { ...NO_USAGE, inputTokens: 500, outputTokens: 60 },
  costUsd: 0.0016,
  durationMs: 1_200,
  calls: [],
};

/** An engine that returns each report in turn, then the last one again and again. It counts its investigations. */
export function engineOf(...reports: Array<Report | (() => Report)>): Engine & { investigations: number } {
  const engine = {
    investigations: 0,
    investigate: async () => {
      const report = reports[Math.min(engine.investigations, reports.length - 1)] ?? diagnosis;
      engine.investigations++;
      return typeof report === 'function' ? report() : report;
    },
  };
  return engine;
}

export async function slack() {
  const double = await slackDouble();
  onTestFinished(() => double.close());
  return double;
}

export function messengerTo(double: SlackDouble): Messenger {
  return slackMessenger({ token: 'xoxb-secret', channel: 'U0OPERATOR', apiUrl: double.apiUrl });
}

/** Both BullMQ workers, as in a worker process. They stop when the test ends. */
export function working(
  ns: Namespace,
  options: {
    engine: Engine;
    messenger?: Messenger | undefined;
    auditPath: string;
    completeSince?: number;
    commitWaitMs?: number;
    keepsSteps?: boolean;
    isOnChange?: () => boolean;
    repostAfterMs?: number;
    callWebhook?: (body: object, idempotencyKey: string) => Promise<number>;
  },
) {
  const log = testLog();
  /** Difference of the workers' clock to that of the machine. */
  const clock = { aheadMs: 0 };
  const connection = new Redis(ns.redisUrl, { maxRetriesPerRequest: null });
  const workers = startWorkers({
    connection,
    engine: options.engine,
    commitWaitMs: options.commitWaitMs ?? 0,
    keepsSteps: options.keepsSteps ?? true,
    isOnChange: options.isOnChange ?? (() => false),
    hasStorms: () => true,
    services: serviceReports({ redis: ns.redis, keys: ns.keys, log: log.logger }),
    concurrency: 4,
    messenger: options.messenger,
    pace: options.messenger && SLACK_PACE,
    wakes: ns.queue,
    deliveries: ns.deliveries,
    followups: ns.followups,
    repostAfterMs: options.repostAfterMs ?? 0,
    callWebhook: options.callWebhook ?? (async () => undefined),
    audit: auditWriter({ path: options.auditPath, createsFolder: false }, Date.now, log.logger),
    redis: ns.redis,
    keys: ns.keys,
    ended: () => undefined,
    withdrawn: () => undefined,
    digested: () => undefined,
    redisCompleteSince: async () => options.completeSince ?? 0,
    now: () => Date.now() + clock.aheadMs,
    holdMs: 1_000,
    log: log.logger,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= workers.stop().then(() => connection.disconnect());
    return stopped;
  };
  // The workers write to the test's folder, so they stop before it is removed.
  endBeforeCleanup(stop);
  return { log, clock, stop };
}

let serial = 0;

export async function enqueue(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  const wake: Wake = {
    id: `w-${String(++serial).padStart(4, '0')}x`,
    probe: 'fly',
    category: `c-${serial}`,
    severity: 'critical',
    title: 'Fly app(s) unreachable: HTTP 401',
    detail: 'down',
    snapshotDetails: {},
    envelopeEnabled: false,
    envelopeFixName: '(none)',
    emittedAt: Date.now(),
    ...more,
  };
  await ns.queue.add('wake', { wake }, wakeJobOptions(wake, 600_000));
  return wake;
}

/** The audit rows of ended wakes, as soon as there are any: they are written after the outcome. */
export const completedRows = (logPath: string) =>
  eventually(() => {
    const rows = existsSync(logPath) ? rowsOf(logPath) : [];
    return rows.length > 0 && rows;
  });

export const outcomeIs = (ns: Namespace, wake: Wake, outcome: string) =>
  eventually(async () => (await ns.redis.hget(ns.keys.wake(wake.id), 'outcome')) === outcome, 30_000);
