/** The mapping of each named source, and the rows that its alerts become. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { growsInProportion } from '../../../../test/support/cpu-time.ts';
import { type Mapped, MappingError } from '../../src/ingest/alert.ts';
import { rowOfAlert } from '../../src/ingest/row.ts';
import { mappings, SOURCE_NAMES, type SourceName } from '../../src/ingest/sources.ts';
import type { Json, JsonObject } from '../../src/wake/json.ts';
import { redact } from '../../src/wake/redact.ts';
import * as bodies from './bodies.ts';

const SOURCES = mappings({ sources: new Map(), mappers: new Map() });

function map(source: SourceName, body: Json, headers: Record<string, string> = {}): Mapped {
  const mapBody = SOURCES.get(source);
  if (!mapBody) throw new Error(`no source ${source}`);
  return mapBody({ body, headers });
}

const rows = (source: SourceName, body: Json) =>
  map(source, body).alerts.map((alert) => rowOfAlert(alert, source, 0, redact));

/** The field that the mapping of a body complains about. */
function faultOf(source: SourceName, body: Json, headers?: Record<string, string>): string {
  try {
    map(source, body, headers);
  } catch (error) {
    if (error instanceof MappingError) return error.field;
    throw error;
  }
  return '(none)';
}

const EXPECTED: Record<SourceName, JsonObject> = {
  alertmanager: {
    probe: 'checkout',
    category: 'HighLatency',
    severity: 'critical',
    title: 'Checkout is slow',
    detail: 'p99 is 4 s',
    instance: 'aa11bb22cc33dd44',
    links: {
      runbook: 'https://runbooks.example.com/latency',
      graph: 'https://prometheus.example.com/graph?g0.expr=latency',
    },
    snapshot_details: {
      started_at: '2026-09-01T10:00:00Z',
      labels: { alertname: 'HighLatency', job: 'checkout', instance: '10.0.0.7:9100', severity: 'critical' },
    },
  },
  grafana: {
    probe: 'Payments',
    category: 'Queue is long',
    severity: 'warning',
    title: '1200 messages wait',
    instance: 'ee55ff6600112233',
    links: {
      dashboard: 'https://grafana.example.com/d/abc',
      rule: 'https://prometheus.example.com/graph?g0.expr=latency',
    },
    snapshot_details: { values: { A: '1200' }, rule_uid: 'rule-1' },
  },
  pagerduty: {
    probe: 'Database',
    category: 'Disk is full',
    severity: 'critical',
    title: 'Disk is full',
    instance: 'PEXAMPLE1',
    links: { pagerduty: 'https://example.pagerduty.com/incidents/PEXAMPLE1' },
    snapshot_details: { started_at: '2026-09-01T09:59:00Z', number: 7, urgency: 'high' },
  },
  sentry: {
    probe: 'storefront',
    category: 'TypeError',
    severity: 'warning',
    title: 'TypeError: x is undefined',
    detail: 'pay(checkout.js)',
    instance: '4711',
    links: { sentry: 'https://sentry.example.com/organizations/example/issues/4711/events/e1/' },
    snapshot_details: { started_at: '2026-09-01T10:00:00.000000Z', rule: 'New errors' },
  },
  'uptime-kuma': {
    probe: 'Public / Shop',
    category: 'down',
    severity: 'warning',
    title: 'Public / Shop is down',
    detail: 'timeout of 48000ms exceeded',
    instance: '12',
    links: { monitored: 'https://shop.example.com' },
    snapshot_details: { started_at: '2026-09-01T10:00:00.123Z', type: 'http' },
  },
  healthchecks: {
    probe: 'nightly backup',
    category: 'down',
    severity: 'warning',
    title: 'nightly backup is down',
    detail: 'dumps the database',
    instance: expect.stringMatching(/^[0-9a-f]{16}$/),
    links: {},
    snapshot_details: { last_ping: '2026-09-01T02:00:00+00:00', tags: 'prod db' },
  },
  datadog: {
    probe: 'orders',
    category: 'Disk of db is full',
    severity: 'critical',
    title: 'Disk of db is full',
    detail: 'Disk **/var** is over 90 %.',
    instance: '9bd4ac313a4d1e8fae2482df7b77628a',
    links: { datadog: 'https://app.datadoghq.com/monitors/1' },
    snapshot_details: { started_at: '2026-09-01T10:00:00.000Z', transition: 'Triggered' },
  },
  cloudwatch: {
    probe: 'AWS/ApplicationELB',
    category: 'orders-5xx',
    severity: 'warning',
    title: 'orders-5xx',
    detail: 'Threshold Crossed: 3 datapoints were greater than 5.0',
    instance: 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:orders-5xx',
    snapshot_details: { dimensions: { LoadBalancer: 'app/orders/1' }, threshold: 5 },
  },
  'better-stack': {
    probe: 'Homepage',
    category: 'down',
    severity: 'warning',
    title: 'Homepage: Status 503',
    instance: '55',
    links: { monitored: 'https://www.example.com' },
    snapshot_details: { started_at: '2026-09-01T10:00:00.000Z' },
  },
  gatus: {
    probe: 'core/backend',
    category: 'down',
    severity: 'warning',
    title: 'backend is unhealthy',
    detail: 'connection refused',
    instance: 'core/backend',
    links: { monitored: 'https://backend.example.com/health' },
  },
};

describe.each(SOURCE_NAMES)('%s', (source) => {
  const { firing, recovered } = bodies.BODIES[source];

  test('writes a firing alert as a wake row', () => {
    expect(rows(source, firing)).toEqual([
      expect.objectContaining({
        emitted_at: '1970-01-01T00:00:00.000+00:00',
        seam: 'probe.wake_requested',
        caller_session_id: null,
        source: null,
      }),
    ]);
    expect(rows(source, firing)[0]?.details).toMatchObject({ ...EXPECTED[source], received_from: source });
  });

  test('writes a recovery of the same instance, and of the same pair if the body names it', () => {
    const [row] = rows(source, recovered);
    const { probe, category, instance } = EXPECTED[source];
    const pair = source === 'sentry' ? {} : { probe, category };
    expect(row?.seam).toBe('probe.recovered');
    expect(row?.details).toMatchObject({ ...pair, instance, received_from: source });
    expect(map(source, recovered).ignored).toBe(0);
  });

  test('maps the same body twice to the same alerts', () => {
    expect(map(source, firing)).toEqual(map(source, structuredClone(firing)));
  });

  test('copies no field that may hold a secret', () => {
    expect(JSON.stringify(firing) + JSON.stringify(recovered)).toMatch(
      ['alertmanager', 'gatus'].includes(source) ? /./ : bodies.SECRET,
    );
    for (const body of [firing, recovered]) {
      expect(JSON.stringify(map(source, body))).not.toContain(bodies.SECRET);
      expect(JSON.stringify(rows(source, body))).not.toContain(bodies.SECRET);
    }
  });

  test('names the field of a body that is no object', () => {
    for (const body of [null, 'text', 7, true, []]) expect(faultOf(source, body)).toBe('body');
  });

  test('survives each field of its body as null, missing, or of another type', () => {
    for (const body of [firing, recovered].flatMap(variants)) expect(() => faultOf(source, body)).not.toThrow();
  });
});

/** The body with each of its fields changed in turn. */
function variants(body: JsonObject): JsonObject[] {
  const paths: string[][] = [];
  const collect = (value: Json, path: string[]) => {
    if (path.length > 0) paths.push(path);
    if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) collect(item, [...path, key]);
    }
  };
  collect(body, []);
  const others: Array<Json | undefined> = [undefined, null, '', ' ', 0, true, [], {}, [null], { a: { b: 1 } }, 'text'];
  return paths.flatMap((path) => others.map((other) => changed(body, path, other)));
}

function changed(body: JsonObject, path: string[], to: Json | undefined): JsonObject {
  const copy = structuredClone(body);
  let parent: any = copy;
  for (const key of path.slice(0, -1)) parent = parent[key];
  const last = path.at(-1) ?? '';
  if (to === undefined) delete parent[last];
  else parent[last] = to;
  return copy;
}

test.each(bodies.IGNORED_BODIES)('%s ignores a notice or a state between: %j', (source, body) => {
  expect(map(source, body)).toEqual({ alerts: [], ignored: 1 });
});

test.each<[SourceName, Json, string]>([
  ['alertmanager', {}, 'alerts'],
  ['alertmanager', { alerts: {} }, 'alerts'],
  ['alertmanager', { alerts: [7] }, 'alerts.0'],
  ['alertmanager', bodies.alertmanagerBody(bodies.alertmanagerAlert(), { status: 'firing' }), 'alerts.1.labels'],
  ['alertmanager', { alerts: [{ labels: {} }] }, 'alerts.0.status'],
  ['alertmanager', bodies.alertmanagerBody(bodies.alertmanagerAlert({ status: '{{ .Status }}' })), 'alerts.0.status'],
  ['grafana', { alerts: [{ status: 'firing', labels: [] }] }, 'alerts.0.labels'],
  ['pagerduty', {}, 'event'],
  ['pagerduty', { event: {} }, 'event.event_type'],
  ['pagerduty', { event: { event_type: 'incident.triggered' } }, 'event.data'],
  ['pagerduty', { event: { event_type: 'incident.triggered', data: {} } }, 'event.data.id'],
  ['sentry', {}, 'data'],
  ['sentry', { data: {} }, 'data'],
  ['sentry', { action: 'resolved', data: { issue: {} } }, 'data.issue.id'],
  ['sentry', { action: 'critical', data: { metric_alert: {} } }, 'data.metric_alert.id'],
  ['uptime-kuma', {}, 'heartbeat'],
  ['uptime-kuma', { heartbeat: {}, monitor: null }, 'monitor'],
  ['uptime-kuma', { heartbeat: { status: 7 }, monitor: { id: 1 } }, 'heartbeat.status'],
  ['uptime-kuma', { heartbeat: { status: 0 }, monitor: {} }, 'monitor.id'],
  ['healthchecks', { name: 'a' }, 'status'],
  ['healthchecks', { name: 'a', status: '$STATUS' }, 'status'],
  ['datadog', { title: 'Disk' }, 'transition'],
  ['datadog', bodies.datadogBody('$ALERT_TRANSITION'), 'transition'],
  ['cloudwatch', {}, 'AlarmName'],
  ['cloudwatch', { Type: 'Notification' }, 'Message'],
  ['cloudwatch', bodies.sns('plain text'), 'Message'],
  ['cloudwatch', bodies.sns({ AlarmName: 'a' }), 'Message.NewStateValue'],
  ['better-stack', {}, 'event'],
  ['better-stack', { event: 'started', data: {} }, 'data.attributes'],
  ['better-stack', { event: 'started', data: { attributes: {} } }, 'data.id'],
  ['gatus', { text: '[TRIGGERED]' }, 'status'],
  ['gatus', { status: '[ALERT_TRIGGERED_OR_RESOLVED]', name: 'a' }, 'status'],
  ['gatus', { status: 'TRIGGERED' }, 'name'],
])('%s rejects %j and names %s', (source, body, field) => {
  expect(faultOf(source, body)).toBe(field);
});

describe('alertmanager', () => {
  test('maps firing and resolved alerts of one body, and counts the others', () => {
    const body = bodies.alertmanagerBody(
      bodies.alertmanagerAlert(),
      bodies.alertmanagerAlert({ status: 'resolved', fingerprint: 'second' }),
      bodies.alertmanagerAlert({ status: 'suppressed' }),
    );
    const { alerts, ignored } = map('alertmanager', body);
    expect(alerts.map(({ status, instance }) => [status, instance])).toEqual([
      ['firing', 'aa11bb22cc33dd44'],
      ['recovered', 'second'],
    ]);
    expect(ignored).toBe(1);
  });

  test('groups instances by the name of the alert', () => {
    const alerts = ['a', 'b'].map((instance) =>
      bodies.alertmanagerAlert({ fingerprint: null, labels: { alertname: 'Down', service: 'web', instance } }),
    );
    const [first, second] = map('alertmanager', bodies.alertmanagerBody(...alerts)).alerts;
    expect([first?.probe, first?.category]).toEqual([second?.probe, second?.category]);
    expect(first?.instance).not.toBe(second?.instance);
  });

  test('makes the instance of an alert without a fingerprint from its labels in any order', () => {
    const instanceOf = (labels: JsonObject) =>
      map('alertmanager', bodies.alertmanagerBody({ status: 'firing', labels })).alerts[0]?.instance;
    expect(instanceOf({ a: '1', b: '2' })).toMatch(/^[0-9a-f]{16}$/);
    expect(instanceOf({ a: '1', b: '2' })).toBe(instanceOf({ b: '2', a: '1' }));
    expect(instanceOf({ a: '1', b: '2' })).not.toBe(instanceOf({ a: '1,b:2' }));
  });

  test.each([
    [{ service: 'web', job: 'node', namespace: 'shop' }, 'web'],
    [{ job: 'node', namespace: 'shop' }, 'node'],
    [{ namespace: 'shop' }, 'shop'],
    [{ host: 'a' }, 'alertmanager'],
    [{ service: '', job: null, app: {} }, 'alertmanager'],
  ])('takes the probe from the labels %j', (labels, probe) => {
    const body = bodies.alertmanagerBody(bodies.alertmanagerAlert({ labels }));
    expect(map('alertmanager', body).alerts[0]).toMatchObject({ probe, category: 'unknown' });
  });

  test('does not take inherited properties or nested labels for values', () => {
    const body: Json = JSON.parse(
      '{"alerts": [{"status": "firing", "labels": {"alertname": "constructor", "__proto__": {"job": "x"}, "service": ["a"]}}]}',
    );
    const [alert] = map('alertmanager', body).alerts;
    expect(alert).toMatchObject({ probe: 'alertmanager', category: 'constructor' });
    expect(alert?.facts.labels).toEqual({ alertname: 'constructor' });
  });

  test('uses the state of the group for alerts without their own', () => {
    const body = { status: 'resolved', alerts: [{ labels: { alertname: 'Down' } }] };
    expect(map('alertmanager', body).alerts[0]?.status).toBe('recovered');
  });

  test('leaves out a start time that is not set', () => {
    const alert = bodies.alertmanagerAlert({ startsAt: '0001-01-01T00:00:00Z' });
    expect(map('alertmanager', bodies.alertmanagerBody(alert)).alerts[0]).not.toHaveProperty('startedAt');
  });
});

test.each([
  ['critical', 'critical'],
  ['CRITICAL', 'critical'],
  ['page', 'critical'],
  ['SEV-1', 'critical'],
  ['error', 'warning'],
  ['P3', 'warning'],
  ['info', 'info'],
  ['catastrophic', 'warning'],
  ['__proto__', 'warning'],
  ['', 'warning'],
])('the severity %j reads %s', (word, severity) => {
  const alert = bodies.alertmanagerAlert({ labels: { alertname: 'Down', severity: word } });
  expect(map('alertmanager', bodies.alertmanagerBody(alert)).alerts[0]?.severity).toBe(severity);
});

test('only senders with an id for each event have one', () => {
  const ids = SOURCE_NAMES.flatMap((source) => {
    const [alert] = map(source, bodies.BODIES[source].firing).alerts;
    return alert?.eventId === undefined ? [] : [[source, alert.eventId]];
  });
  expect(ids).toEqual([
    ['pagerduty', 'event-triggered'],
    ['datadog', 'id-Triggered'],
    ['cloudwatch', '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324'],
  ]);
});

describe('pagerduty', () => {
  test.each<[JsonObject, string]>([
    [{ priority: null, urgency: 'high' }, 'warning'],
    [{ priority: null, urgency: 'low' }, 'info'],
    [{ priority: { summary: 'P2' } }, 'warning'],
  ])('reads the severity of %j as %s', (fields, severity) => {
    const data = { id: 'P1', title: 'Disk', ...fields };
    const { alerts } = map('pagerduty', { event: { event_type: 'incident.reopened', data } });
    expect(alerts).toMatchObject([{ status: 'firing', probe: 'pagerduty', category: 'Disk', severity }]);
  });
});

describe('sentry', () => {
  test('finds the issue in the address if the id is missing', () => {
    for (const fields of [{ issue_id: null }, { issue_id: null, issue_url: null }]) {
      expect(map('sentry', bodies.sentryIssueAlert(fields)).alerts[0]?.instance).toBe('4711');
    }
  });

  test('takes the project as a number if no address has its name', () => {
    expect(map('sentry', bodies.sentryIssueAlert({ url: null })).alerts[0]?.probe).toBe('1');
  });

  test.each([
    ['critical', 'firing', 'critical'],
    ['warning', 'firing', 'warning'],
    ['resolved', 'recovered', 'warning'],
  ])('maps a metric alert with the action %s', (action, status, severity) => {
    expect(map('sentry', bodies.sentryMetricAlert(action)).alerts).toMatchObject([
      { status, severity, probe: 'storefront', category: 'Too many errors', instance: 'metric_alert:4' },
    ]);
  });

  test('trusts the header about the kind of the body', () => {
    const body = bodies.sentryIssueAlert();
    expect(map('sentry', body, { 'sentry-hook-resource': 'event_alert' }).alerts).toHaveLength(1);
    expect(map('sentry', body, { 'sentry-hook-resource': 'comment' })).toEqual({ alerts: [], ignored: 1 });
    expect(faultOf('sentry', bodies.BODIES.sentry.recovered, { 'sentry-hook-resource': 'event_alert' })).toBe(
      'data.event',
    );
  });
});

describe('datadog', () => {
  test.each([
    ['Re-Triggered', 'firing'],
    ['Warn', 'firing'],
    ['No Data', 'firing'],
    ['Recovered', 'recovered'],
  ])('reads the transition %s as %s', (transition, status) => {
    expect(map('datadog', bodies.datadogBody(transition)).alerts).toMatchObject([
      { status, category: 'Disk of db is full' },
    ]);
  });

  test('finds the state in the title of a payload without a transition', () => {
    const body = bodies.datadogBody('Recovered', { transition: null, title: '[Recovered] [Memory] is low' });
    expect(map('datadog', body).alerts).toMatchObject([{ status: 'recovered', category: '[Memory] is low' }]);
  });
});

describe('cloudwatch', () => {
  test('maps an alarm without its envelope, and a composite alarm without a trigger', () => {
    expect(map('cloudwatch', bodies.alarm('ALARM', { Trigger: null, AlarmArn: null })).alerts).toMatchObject([
      { probe: 'cloudwatch', category: 'orders-5xx', instance: '123456789012/EU (Frankfurt)/orders-5xx' },
    ]);
  });
});

describe('hostile bodies', () => {
  /** Bodies of the right shape with values of any kind: they get further than random JSON. */
  const hostile = (source: SourceName) =>
    fc
      .tuple(fc.constantFrom(...Object.values(bodies.BODIES[source])), fc.nat(), fc.jsonValue())
      .map(([body, n, value]): Json => {
        const all = variants(body);
        const extra: Json = JSON.parse(JSON.stringify(value));
        return Object.assign({}, all[n % all.length], { extra });
      });

  test.each(SOURCE_NAMES)('of %s cause no error but a MappingError', (source) => {
    const anything = fc.oneof(
      fc.jsonValue().map((value): Json => JSON.parse(JSON.stringify(value))),
      hostile(source),
    );
    fc.assert(
      fc.property(anything, (body) => {
        expect(() => faultOf(source, body)).not.toThrow();
      }),
      { interruptAfterTimeLimit: 3_000 },
    );
  });

  test.each(SOURCE_NAMES)('of %s that are long, deep or wide take time in proportion', (source) => {
    const { firing } = bodies.BODIES[source];
    const values: Array<(size: number) => Json> = [
      (size) => 'a [/projects/'.repeat(10 * size),
      (size) => Array.from({ length: size }).reduce<Json>((inner) => ({ a: inner }), 'x'),
      (size) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`key${i}`, 'value'])),
      (size) => Array.from({ length: size }, () => 'a [/projects/'),
    ];
    const mapAll = (size: number) => {
      for (const value of values) for (const body of replacedLeaves(firing, value(size))) faultOf(source, body);
    };
    expect(growsInProportion(mapAll, 500)).toBe(true);
  });

  test('with very many alerts take time in proportion', () => {
    const mapMany = (count: number) => {
      const body = bodies.alertmanagerBody(...Array.from({ length: count }, () => bodies.alertmanagerAlert()));
      expect(map('alertmanager', body).alerts).toHaveLength(count);
    };
    expect(growsInProportion(mapMany, 2_000)).toBe(true);
  });

  /** The body with each leaf replaced in turn. */
  function replacedLeaves(body: JsonObject, value: Json): JsonObject[] {
    const leaves: string[][] = [];
    const collect = (each: Json, path: string[]) => {
      if (typeof each !== 'object' || each === null) leaves.push(path);
      else for (const [key, item] of Object.entries(each)) collect(item, [...path, key]);
    };
    collect(body, []);
    return leaves.map((path) => changed(body, path, value));
  }
});
