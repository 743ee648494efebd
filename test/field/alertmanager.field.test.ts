/**
 * A real Prometheus and a real Alertmanager: a target goes down, the operator gets a message, the target recovers. Alertmanager sends
 * by examples/alertmanager/alertmanager.yml, and by its PagerDuty integration to `/v2/enqueue`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { doubles, environment, startAllApps } from '../support/doubles.ts';
import { endBeforeCleanup, eventually, rowsOf, test } from '../support/fixtures.ts';
import { httpDouble } from '../support/http-double.ts';
import { startAlertmanager, startPrometheus } from '../support/monitoring.ts';
import { installPrograms } from '../support/programs.ts';
import { WAIT_MS } from '../support/spawn.ts';

const TOKEN = 'token-of-alertmanager';
const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'alertmanager', 'alertmanager.yml');

installPrograms(['prometheus', 'prometheus-alertmanager']);

/** The example with the address and the token of the test, and a second receiver. */
function alertmanagerConfig(url: string, tokenFile: string) {
  const text = readFileSync(EXAMPLE, 'utf8')
    .replace('http://127.0.0.1:3900', url)
    .replace(/credentials_file: \S+/, `credentials_file: ${tokenFile}`);
  const { route, receivers } = z
    .object({ route: z.looseObject({ receiver: z.string() }), receivers: z.array(z.unknown()) })
    .parse(parse(text));
  return {
    route: {
      ...route,
      group_interval: '1s',
      routes: [{ receiver: route.receiver, continue: true }, { receiver: 'events' }],
    },
    receivers: [
      ...receivers,
      { name: 'events', pagerduty_configs: [{ routing_key: TOKEN, url: `${url}/v2/enqueue`, send_resolved: true }] },
    ],
  };
}

test('an alert of Prometheus is sent by Alertmanager, investigated and told; its end is a row', async ({
  ns,
  logPath,
  folder,
}) => {
  const { slack, env } = await doubles();
  const { url } = await startAllApps(environment(ns, logPath, { ...env, KORA_INGEST_TOKEN: TOKEN }));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, TOKEN);
  const alertmanager = await startAlertmanager(join(folder, 'alertmanager'), alertmanagerConfig(url, tokenFile));
  endBeforeCleanup(alertmanager.end);

  const target = await httpDouble((_request, response) => {
    response.writeHead(isDown ? 500 : 200, { 'content-type': 'text/plain' }).end('shop_ready 1\n');
  });
  let isDown = false;
  endBeforeCleanup(target.close);
  const rules = join(folder, 'rules.yml');
  writeFileSync(
    rules,
    stringify({
      groups: [
        {
          name: 'shop',
          rules: [
            {
              alert: 'TargetDown',
              expr: 'up{job="shop"} == 0',
              labels: { severity: 'critical' },
              annotations: { summary: 'The shop is down', description: 'Its metrics cannot be read.' },
            },
          ],
        },
      ],
    }),
  );
  const prometheus = await startPrometheus(join(folder, 'prometheus'), {
    global: { scrape_interval: '200ms', evaluation_interval: '200ms' },
    rule_files: [rules],
    scrape_configs: [{ job_name: 'shop', static_configs: [{ targets: [new URL(target.url).host] }] }],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager.url).host] }] }] },
  });
  endBeforeCleanup(prometheus.end);
  const rows = (from: string, seam: string) =>
    rowsOf(logPath).filter((row) => row.seam === seam && row.details.received_from === from);

  // Nothing fires while the target answers.
  await eventually(() => target.requests.length > 2);
  isDown = true;
  await eventually(() => slack.accepted.length === 2, 2 * WAIT_MS);
  const [alert] = rows('alertmanager', 'probe.wake_requested');
  expect(alert?.details).toMatchObject({
    probe: 'shop',
    category: 'TargetDown',
    severity: 'critical',
    title: 'The shop is down',
    detail: 'Its metrics cannot be read.',
    instance: expect.stringMatching(/^[0-9a-f]{16}$/),
    snapshot_details: { labels: { alertname: 'TargetDown', job: 'shop' }, started_at: expect.stringContaining('T') },
  });
  const [event] = rows('events-v2', 'probe.wake_requested');
  expect(event?.details).toMatchObject({ title: expect.stringContaining('TargetDown') });
  expect(JSON.stringify(event)).not.toContain(TOKEN);
  expect(slack.accepted.map(({ text }) => text.split('\n')[0])).toContain('🚨 Probe alert · shop');

  isDown = false;
  const recovered = (from: string) => rows(from, 'probe.recovered');
  await eventually(() => recovered('alertmanager').length > 0 && recovered('events-v2').length > 0, 2 * WAIT_MS);
  const { probe, category, instance } = alert?.details ?? {};
  expect(recovered('alertmanager')[0]?.details).toMatchObject({ probe, category, instance });
  expect(recovered('events-v2')[0]?.details).toMatchObject({ instance: event?.details.instance });

  // Alertmanager counts an answer that is not a 202 as a failed notification.
  const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
  for (const integration of ['webhook', 'pagerduty']) {
    const count = (name: string) =>
      Number(new RegExp(`^${name}\\{integration="${integration}"\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
    expect(count('alertmanager_notifications_total')).toBeGreaterThanOrEqual(2);
    expect(count('alertmanager_notifications_failed_total')).toBe(0);
  }
});
