/** Keeps docs/sources.md true: each example in it is mapped as its section says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mappings, SOURCE_NAMES } from '@kora-wake/shared/ingest/sources';
import { mapEventV2 } from '@kora-wake/shared/ingest/sources/events-v2';
import { mapWakes } from '@kora-wake/shared/ingest/sources/wakes';
import { NO_POLICY, type Policy, parsePolicy } from '@kora-wake/shared/policy/policy';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const text = readFileSync(join(import.meta.dirname, '..', 'docs', 'sources.md'), 'utf8');

/** The text under a heading, up to the next one of the same level or a higher one. */
function section(heading: string): string {
  const [, mark = '', rest = ''] = new RegExp(`^(#+) ${heading}\\n([^]*)`, 'm').exec(text) ?? [];
  expect(mark, `a heading ${heading}`).not.toBe('');
  return rest.split(new RegExp(`^#{1,${mark.length}} `, 'm'))[0] ?? '';
}

function example(heading: string, language: string): string {
  const [, code] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(section(heading)) ?? [];
  if (code === undefined) throw new Error(`${heading} has no example in ${language}`);
  return code;
}

function policyOf(yaml: string): Policy {
  const read = parsePolicy(yaml);
  if ('policy' in read) return read.policy;
  throw new Error(JSON.stringify(read.faults));
}

const map = (name: string, body: string, policy = NO_POLICY) =>
  mappings(policy).get(name)?.({ body: JSON.parse(body), headers: {} });

/** A template as its tool fills it in. */
function filled(template: string, values: Record<string, string>): string {
  const known = Object.entries(values).reduce((out, [name, value]) => out.replaceAll(name, value), template);
  return known.replace(/\$[A-Z_]+|\[[A-Z_]+\]/g, 'text');
}

test('each source has its address', () => {
  const addresses = [...text.matchAll(/https:\/\/kora\.example\.com\/v1\/ingest\/([\w-]+)/g)].map(([, name]) => name);
  expect(new Set(addresses)).toEqual(new Set([...SOURCE_NAMES, 'shop-monitor']));
});

test('the configuration of Alertmanager names its receiver and sends recoveries', () => {
  const { receivers, route } = parse(example('Alertmanager', 'yaml'));
  expect(receivers[0].name).toBe(route.receiver);
  expect(receivers[0].webhook_configs).toMatchObject([{ send_resolved: true }]);
});

test('the header of Uptime Kuma is JSON', () => {
  expect(JSON.parse(example('Uptime Kuma', 'json'))).toEqual({ Authorization: 'Bearer TOKEN' });
});

test.each([
  ['down', 'firing'],
  ['up', 'recovered'],
])('the body of Healthchecks with the status %s is %s', (status, expected) => {
  const template = example('Healthchecks', 'json');
  const body = filled(template, { $NAME_JSON: '"nightly \\"backup\\""', $STATUS: status, $CODE: 'code-1' });
  expect(map('healthchecks', body)).toMatchObject({
    alerts: [{ status: expected, probe: 'nightly "backup"', instance: expect.stringMatching(/^[0-9a-f]{16}$/) }],
  });
});

test.each([
  ['Triggered', 'firing'],
  ['Recovered', 'recovered'],
])('the payload of Datadog with the transition %s is %s', (transition, status) => {
  const body = filled(example('Datadog', 'json'), {
    $ALERT_TRANSITION: transition,
    $AGGREG_KEY: 'key-1',
    $EVENT_TITLE: `[${transition}] Disk is full`,
    $ALERT_PRIORITY: 'P1',
    $TAGS: 'service:orders',
    $DATE: '1788256800000',
    $ID: 'event-1',
  });
  expect(map('datadog', body)).toMatchObject({
    alerts: [
      {
        status,
        probe: 'orders',
        category: 'Disk is full',
        severity: 'critical',
        instance: 'key-1',
        startedAt: '2026-09-01T10:00:00.000Z',
        eventId: 'event-1',
      },
    ],
  });
});

test.each([
  ['TRIGGERED', 'firing'],
  ['RESOLVED', 'recovered'],
])('the body of Gatus with the state %s is %s', (state, status) => {
  const { body } = parse(example('Gatus', 'yaml')).alerting.custom;
  const sent = filled(body, {
    '[ALERT_TRIGGERED_OR_RESOLVED]': state,
    '[ENDPOINT_GROUP]': 'core',
    '[ENDPOINT_NAME]': 'api',
    '[RESULT_ERRORS]': 'bad \\"status\\"',
  });
  expect(map('gatus', sent)).toMatchObject({ alerts: [{ status, probe: 'core/api', detail: 'bad "status"' }] });
});

test('the event of PagerDuty is firing', () => {
  const body = JSON.parse(example('PagerDuty events', 'json'));
  expect(mapEventV2(body, 'new', (_alert, defaults) => defaults).alerts).toMatchObject([
    { status: 'firing', probe: 'postgres', category: 'disk', severity: 'critical', instance: 'disk-db-1' },
  ]);
});

test('the list of own wakes has a firing alert and a recovery', () => {
  const body = JSON.parse(example('Your own programs', 'json'));
  expect(mapWakes({ body, headers: {} }).alerts).toMatchObject([
    { status: 'firing', probe: 'fly', category: 'service_unhealthy', severity: 'critical' },
    { status: 'recovered', probe: 'fly', category: 'queue_long', instance: 'ams' },
  ]);
});

describe('the policy file', () => {
  test('changes the pairs of sources', () => {
    const policy = policyOf(example('Pair defaults', 'yaml'));
    expect(new Set(policy.sources.keys())).toEqual(new Set(['alertmanager', 'cloudwatch', 'sentry']));
    const labels = { alertname: 'Down', namespace: 'shop', urgency: 'page' };
    const body = JSON.stringify({ alerts: [{ status: 'firing', labels }] });
    expect(map('alertmanager', body, policy)).toMatchObject({ alerts: [{ probe: 'shop', severity: 'critical' }] });
    const alarm = JSON.stringify({ AlarmName: 'disk', NewStateValue: 'ALARM' });
    expect(map('cloudwatch', alarm, policy)).toMatchObject({ alerts: [{ severity: 'critical' }] });
  });

  test('adds a mapper for the body below it', () => {
    const policy = policyOf(example('Custom mappers', 'yaml'));
    expect(map('shop-monitor', example('Custom mappers', 'json'), policy)).toEqual({
      alerts: [
        {
          status: 'firing',
          probe: 'checkout',
          category: 'latency',
          severity: 'critical',
          title: 'Checkout is slow',
          detail: 'p99 is 4 s',
          instance: '17',
          links: { runbook: 'https://runbooks.example.com/latency' },
          startedAt: '2026-09-01T10:00:00Z',
          facts: {},
          eventId: 'e-1',
        },
        expect.objectContaining({ status: 'recovered', probe: 'checkout', category: 'stock', instance: '18' }),
      ],
      ignored: 0,
    });
  });

  test('has each of its keys in the table of mappers', () => {
    const keys = [...section('Custom mappers').matchAll(/^\| `(\w+)`/gm)].map(([, key = '']) => key);
    const mapper = parse(example('Custom mappers', 'yaml')).mappers['shop-monitor'];
    expect(keys.toSorted()).toEqual(Object.keys(mapper).toSorted());
  });
});
