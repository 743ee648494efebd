/** The alert rules and the dashboard: Prometheus can read them, and they ask only for what is told. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { buildApp } from '../apps/api/src/app.ts';
import { tailerMetrics } from '../apps/tailer/src/metrics.ts';
import { workerMetrics } from '../apps/worker/src/metrics.ts';
import { test } from './support/fixtures.ts';
import { program } from './support/programs.ts';

const deploy = join(import.meta.dirname, '..', 'deploy');
const rules = parse(readFileSync(join(deploy, 'alerts.yml'), 'utf8')).groups.flatMap((group: any) => group.rules);
const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana.json'), 'utf8'));
const asked: string[] = [
  ...rules.map(({ expr }: any) => expr),
  ...dashboard.panels.flatMap(({ targets }: any) => targets.map(({ expr }: any) => expr)),
];

test('Prometheus reads the alert rules, and those of the dashboard', ({ folder }) => {
  const promtool = program('promtool');
  execFileSync(promtool, ['check', 'rules', join(deploy, 'alerts.yml')], { stdio: 'pipe' });
  expect(asked.length).toBeGreaterThan(15);
  for (const expr of asked) {
    const file = join(folder, 'one.yml');
    const one = JSON.stringify({ groups: [{ name: 'one', rules: [{ record: 'one', expr }] }] });
    execFileSync('sh', ['-c', 'cat > "$1"', 'sh', file], { input: one });
    execFileSync(promtool, ['check', 'rules', file], { stdio: 'pipe' });
  }
});

test('every alert says what to do', () => {
  for (const { alert, annotations } of rules) {
    expect([alert, annotations.summary.length > 10, annotations.description.length > 40]).toEqual([alert, true, true]);
  }
});

test('they ask only for metrics that are told', async ({ ns, log }) => {
  const app = await buildApp({
    store: ns,
    deliveries: ns.deliveries,
    tokens: {},
    budgetUsd: 200,
    append: async () => undefined,
    now: Date.now,
    log: log.logger,
  });
  onTestFinished(() => app.close());
  const texts = [
    (await app.inject('/metrics')).body,
    await workerMetrics().registry.metrics(),
    await tailerMetrics(Date.now).registry.metrics(),
  ];
  const names = new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (kora_\w+)/gm)].map(([, name]) => name)));
  const used = asked.flatMap((expr) => expr.match(/kora_\w+/g) ?? []).map((name) => name.replace(/_bucket$/, ''));
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});
