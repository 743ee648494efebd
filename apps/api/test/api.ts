/** Set-up shared by the tests of the API: the app on the namespace of a test, and wakes to show. */
import type { AppendRow } from '@kora-wake/shared/runtime/audit-log';
import { deliverJobOptions } from '@kora-wake/shared/store/queues';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import type { LogRow } from '@kora-wake/shared/wake/log-row';
import { redactor } from '@kora-wake/shared/wake/redact';
import { NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Worker } from 'bullmq';
import { onTestFinished } from 'vitest';
import { backtestsOf } from '../../../test/support/backtests.ts';
import { aWake, eventually, type Namespace, testLog } from '../../../test/support/fixtures.ts';
import { ingestionTo, noPolicy, setupOf } from '../../../test/support/ingestion.ts';
import { type ApiOptions, buildApp } from '../src/app.ts';
import { clicks } from '../src/clicks.ts';
import { operationLog } from '../src/operations.ts';
import { recordText } from '../src/record-text.ts';

export const TOKEN = 'the-token-of-this-test';
export const HOUR = 3_600_000;
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The app, its log, and the audit rows that it wrote. */
export async function api(
  ns: Namespace,
  token?: string,
  readToken?: string,
  { append, ...more }: Partial<ApiOptions> & { append?: AppendRow } = {},
) {
  const log = testLog();
  const written: LogRow[] = [];
  const tokens = { ...(token && { token }), ...(readToken && { readToken }) };
  const redact = redactor([], { certain: [token ?? '', readToken ?? ''], likely: [] });
  const operations = operationLog({
    redis: ns.redis,
    keys: ns.keys,
    append: append ?? (async (row) => void written.push(row)),
    now: Date.now,
    text: recordText(redact, tokens),
    log: log.logger,
  });
  const app = await buildApp({
    store: ns,
    settings: noPolicy,
    deliveries: ns.deliveries,
    followups: ns.followups,
    tokens,
    basePath: '',
    redact,
    operations,
    clicks: clicks({ redis: ns.redis, keys: ns.keys, operations, log: log.logger }),
    budgetUsd: 200,
    setup: setupOf('/log'),
    ingestion: ingestionTo('/nonexistent/log'),
    backtests: backtestsOf('/nonexistent/log'),
    now: Date.now,
    log: log.logger,
    ...more,
  });
  onTestFinished(() => app.close());
  return { app, log, written };
}

export const report = {
  kind: 'diagnosis',
  text: 'The token expired.\nNext step: renew it.',
  verdict: 'confirmed',
  evidence: [{ source: 'call-1', quote: '401' }],
  droppedQuotes: 1,
  model: 'claude-sonnet-5-5',
  usage: { ...NO_USAGE, inputTokens: 500, outputTokens: 60 },
  costUsd: 0.0016,
  durationMs: 1_200,
  calls: [{ route: 'probe_investigation', model: 'claude-sonnet-5-5', usage: NO_USAGE, durationMs: 1_000 }],
  toolCalls: [{ source: 'call-1', name: 'http_check', status: 'ok', durationMs: 40 }],
} satisfies Report;

/** A wake that was investigated `ago` ms before now, and whose DM was sent. */
export async function deliveredWake(ns: Namespace, id: string, ago: number, more: Partial<Wake> = {}): Promise<Wake> {
  const wake = aWake({ id, emittedAt: Date.now() - ago, ...more });
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now() - ago);
  const posted = { channel: 'D1', ts: '1.2' };
  const at = Date.now() - ago + 2_000;
  await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at, dmStatus: 'sent', posted });
  return wake;
}

/** A delivery that failed for good. Returns its job id. */
export async function deadLetter(ns: Namespace, id: string, reason: string): Promise<string> {
  const wake = aWake({ id, category: id });
  const job = await ns.deliveries.add('deliver', { wake, report }, { ...deliverJobOptions(wake), attempts: 1 });
  const worker = new Worker(
    'deliveries',
    async () => {
      throw new Error(reason);
    },
    { connection: ns.redis, prefix: ns.prefix },
  );
  await eventually(() => job.isFailed());
  await worker.close();
  return job.id ?? '';
}
