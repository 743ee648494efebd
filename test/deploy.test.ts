/** The alert rules, the dashboard and the Slack app's manifest: Prometheus accepts them, and each metric and scope exists. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { redact } from '@kora-wake/shared/wake/redact';
import { expect, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { buildApp } from '../apps/api/src/app.ts';
import { operationLog } from '../apps/api/src/operations.ts';
import { tailerMetrics } from '../apps/tailer/src/metrics.ts';
import { neededScopes } from '../apps/worker/src/delivery/identity.ts';
import { prices } from '../apps/worker/src/investigation/prices.ts';
import { workerMetrics } from '../apps/worker/src/metrics.ts';
import { backtestsOf } from './support/backtests.ts';
import { test } from './support/fixtures.ts';
import { ingestionTo, noPolicy, setupOf } from './support/ingestion.ts';
import { program } from './support/programs.ts';

const deploy = join(import.meta.dirname, '..', 'deploy');
const rules = parse(readFileSync(join(deploy, 'alerts.yml'), 'utf8')).groups.flatMap((group: any) => group.rules);
const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana.json'), 'utf8'));
const asked: string[] = [
  ...rules.map(({ expr }: any) => expr),
  ...dashboard.panels.flatMap(({ targets }: any) => targets.map(({ expr }: any) => expr)),
];

test('the manifest of the Slack app has the scopes that a worker needs for DMs to a person', () => {
  const manifest = parse(readFileSync(join(deploy, 'slack-app-manifest.yml'), 'utf8'));
  expect(new Set(manifest.oauth_config.scopes.bot)).toEqual(new Set(neededScopes('U0OPERATOR').flat()));
});

test('Prometheus accepts the alert rules and the expressions of the dashboard', ({ folder }) => {
  const promtool = program('promtool');
  execFileSync(promtool, ['check', 'rules', join(deploy, 'alerts.yml')], { stdio: 'pipe' });
  expect(asked.length).toBeGreaterThan(15);
  const file = join(folder, 'asked.yml');
  const records = asked.map((expr, i) => ({ record: `asked_${i}`, expr }));
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'asked', rules: records }] }));
  execFileSync(promtool, ['check', 'rules', file], { stdio: 'pipe' });
});

/** A healthy system: the series of each alert, one value per minute. */
const HEALTHY = {
  kora_wakes_unaccounted: '0x20',
  'kora_tailer_lease_held{source="/log"}': '1x20',
  'kora_tailer_lag_bytes{source="/log"}': '0x20',
  'kora_tailer_committed_timestamp_seconds{source="/log"}': '0+60x20',
  kora_oldest_pending_seconds: '12x20',
  'kora_queue_jobs{queue="deliveries",state="failed"}': '0x20',
  kora_deliveries_held: '0x20',
  'kora_queue_oldest_seconds{queue="wakes"}': '3x20',
  'kora_budget_rung{rung="downshift_90"}': '0x20',
};

test.for<[alert: string | undefined, wrong: Record<string, string | undefined>]>([
  [undefined, {}],
  ['KoraWakeAbsent', { kora_wakes_unaccounted: undefined }],
  ['KoraWakeUnaccounted', { kora_wakes_unaccounted: '1x20' }],
  ['KoraWakeWatcherDown', { 'kora_tailer_lease_held{source="/log"}': '0x20' }],
  ['KoraWakeWatcherDown', { 'kora_tailer_lease_held{source="/log"}': undefined }],
  [
    'KoraWakeBehind',
    {
      'kora_tailer_lag_bytes{source="/log"}': '400x20',
      'kora_tailer_committed_timestamp_seconds{source="/log"}': '0x20',
    },
  ],
  // The log has had no new rows for long. That is not a lag.
  [undefined, { 'kora_tailer_committed_timestamp_seconds{source="/log"}': '0x20' }],
  ['KoraWakeOverdue', { kora_oldest_pending_seconds: '0+60x20' }],
  ['KoraWakeDeadLetters', { 'kora_queue_jobs{queue="deliveries",state="failed"}': '0x5 1x15' }],
  ['KoraWakeDeliveriesHeld', { kora_deliveries_held: '1x20' }],
  ['KoraWakeServiceProblem', { 'kora_service_problem{service="slack",kind="refused"}': '1x20' }],
  ['KoraWakeIngestFailing', { 'kora_ingested_total{source="gatus",result="unmapped"}': '0x10 1x10' }],
  ['KoraWakeIngestFailing', { 'kora_ingested_total{source="gatus",result="refused"}': '_x15 1x5' }],
  ['KoraWakeQueueOld', { 'kora_queue_oldest_seconds{queue="wakes"}': '0+60x20' }],
  ['KoraWakeBudget', { 'kora_budget_rung{rung="downshift_90"}': '1x20' }],
])('%s fires alone: %j', ([alert, wrong], { folder }) => {
  const series = Object.entries({ ...HEALTHY, ...wrong }).filter(([, values]) => values !== undefined);
  const others = rules.filter((rule: any) => rule.alert !== alert);
  const silent = others.map((rule: any) => ({
    expr: `ALERTS{alertname="${rule.alert}",alertstate="firing"}`,
    eval_time: '15m',
    exp_samples: [],
  }));
  const tests = {
    rule_files: [join(deploy, 'alerts.yml')],
    tests: [
      {
        interval: '1m',
        input_series: series.map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          ...silent,
          {
            expr: 'count(ALERTS{alertstate="firing"}) or vector(0)',
            eval_time: '15m',
            exp_samples: [{ labels: '{}', value: alert ? 1 : 0 }],
          },
        ],
      },
    ],
  };
  const file = join(folder, 'tests.yml');
  writeFileSync(file, JSON.stringify(tests));
  execFileSync(program('promtool'), ['test', 'rules', file], { stdio: 'pipe' });
});

test('every alert names the remedy', () => {
  for (const { alert, annotations } of rules) {
    expect([alert, annotations.summary.length > 10, annotations.description.length > 40]).toEqual([alert, true, true]);
  }
});

test('alerts and dashboard use only metrics that the apps export', async ({ ns, log }) => {
  const text = (value: string) => value;
  const append = async () => undefined;
  const operations = operationLog({ redis: ns.redis, keys: ns.keys, append, now: Date.now, text, log: log.logger });
  const app = await buildApp({
    store: ns,
    deliveries: ns.deliveries,
    followups: ns.followups,
    basePath: '',
    redact,
    tokens: {},
    budgetUsd: 200,
    settings: noPolicy,
    setup: setupOf('/log'),
    ingestion: ingestionTo('/nonexistent/log'),
    backtests: backtestsOf('/nonexistent/log'),
    operations,
    clicks: { handle: async () => undefined },
    now: Date.now,
    log: log.logger,
  });
  onTestFinished(() => app.close());
  const texts = [
    (await app.inject('/metrics')).body,
    await workerMetrics(prices()).registry.metrics(),
    await tailerMetrics(Date.now).registry.metrics(),
  ];
  const names = new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (kora_\w+)/gm)].map(([, name]) => name)));
  const used = asked.flatMap((expr) => expr.match(/kora_\w+/g) ?? []).map((name) => name.replace(/_bucket$/, ''));
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});
