/** Bodies in the shapes that senders use, with example values. `SECRET` stands in each field that no row may have. */

import type { SourceName } from '../../src/ingest/sources.ts';
import type { Json, JsonObject } from '../../src/wake/json.ts';

/** Letters only, so that no rule of the redaction knows it. */
export const SECRET = 'plantedsecretword';

const SECRET_URL = `https://tool.example.com/${SECRET}`;

export const alertmanagerAlert = (fields: JsonObject = {}): JsonObject => ({
  status: 'firing',
  labels: { alertname: 'HighLatency', job: 'checkout', instance: '10.0.0.7:9100', severity: 'critical' },
  annotations: {
    summary: 'Checkout is slow',
    description: 'p99 is 4 s',
    runbook_url: 'https://runbooks.example.com/latency',
  },
  startsAt: '2026-09-01T10:00:00Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'https://prometheus.example.com/graph?g0.expr=latency',
  fingerprint: 'aa11bb22cc33dd44',
  ...fields,
});

export const alertmanagerBody = (...alerts: Json[]): JsonObject => ({
  version: '4',
  status: 'firing',
  receiver: 'kora',
  groupKey: '{}:{alertname="HighLatency"}',
  externalURL: 'https://alertmanager.example.com',
  truncatedAlerts: 0,
  commonLabels: { alertname: 'HighLatency' },
  alerts,
});

const grafanaAlert = (status: string): JsonObject => ({
  ...alertmanagerAlert({ status, fingerprint: 'ee55ff6600112233' }),
  labels: { alertname: 'Queue is long', grafana_folder: 'Payments' },
  annotations: { summary: '1200 messages wait' },
  silenceURL: SECRET_URL,
  dashboardURL: 'https://grafana.example.com/d/abc',
  panelURL: '',
  ruleUID: 'rule-1',
  values: { A: 1200, B: null },
  valueString: '[ var=A value=1200 ]',
});

const pagerdutyBody = (type: string): JsonObject => ({
  event: {
    id: `event-${type}`,
    event_type: `incident.${type}`,
    resource_type: 'incident',
    occurred_at: '2026-09-01T10:00:00Z',
    agent: { summary: 'Example Person', html_url: SECRET_URL },
    client: null,
    data: {
      id: 'PEXAMPLE1',
      type: 'incident',
      html_url: 'https://example.pagerduty.com/incidents/PEXAMPLE1',
      number: 7,
      status: type,
      created_at: '2026-09-01T09:59:00Z',
      title: 'Disk is full',
      service: { id: 'PSERVICE1', summary: 'Database' },
      priority: { summary: 'P1' },
      urgency: 'high',
      conference_bridge: { conference_number: SECRET, conference_url: SECRET_URL },
    },
  },
});

export const sentryIssueAlert = (fields: JsonObject = {}): JsonObject => ({
  action: 'triggered',
  actor: { id: 'sentry', name: 'Sentry', type: 'application' },
  installation: { uuid: SECRET },
  data: {
    triggered_rule: 'New errors',
    event: {
      event_id: 'e1',
      issue_id: '4711',
      issue_url: 'https://sentry.example.com/api/0/issues/4711/',
      url: 'https://sentry.example.com/api/0/projects/example/storefront/events/e1/',
      web_url: 'https://sentry.example.com/organizations/example/issues/4711/events/e1/',
      title: 'TypeError: x is undefined',
      culprit: 'pay(checkout.js)',
      level: 'error',
      datetime: '2026-09-01T10:00:00.000000Z',
      project: 1,
      metadata: { type: 'TypeError', value: 'x is undefined' },
      user: { email: SECRET },
      request: { headers: [['Cookie', SECRET]], data: SECRET },
      ...fields,
    },
  },
});

const sentryIssue = (action: string): JsonObject => ({
  action,
  data: { issue: { id: '4711', title: 'TypeError: x is undefined', level: 'error', project: { slug: 'storefront' } } },
});

export const sentryMetricAlert = (action: string): JsonObject => ({
  action,
  data: {
    description_title: 'Critical: Too many errors',
    description_text: '1000 events in the last 10 minutes',
    web_url: 'https://sentry.example.com/organizations/example/alerts/1/',
    metric_alert: {
      id: '4',
      date_started: '2026-09-01T10:00:00Z',
      projects: ['storefront'],
      alert_rule: { name: 'Too many errors', aggregate: 'count()', query: 'level:error' },
    },
  },
});

const kumaBody = (status: number): JsonObject => ({
  heartbeat: {
    monitorID: 12,
    status,
    time: '2026-09-01 10:00:00.123',
    msg: 'timeout of 48000ms exceeded',
    response: SECRET,
    timezone: 'America/Los_Angeles',
    localDateTime: '2026-09-01 03:00:00',
  },
  monitor: {
    id: 12,
    name: 'Shop',
    pathName: 'Public / Shop',
    url: 'https://shop.example.com',
    type: 'http',
    hostname: null,
    port: null,
    basic_auth_pass: SECRET,
    headers: SECRET,
    pushToken: SECRET,
  },
  msg: '[Shop] [Down] timeout of 48000ms exceeded',
});

const healthchecksBody = (status: string): JsonObject => ({
  name: 'nightly backup',
  status,
  code: `00000000-0000-4000-8000-${SECRET}`,
  desc: 'dumps the database',
  tags: 'prod db',
  last_ping: '2026-09-01T02:00:00+00:00',
  ping_url: SECRET_URL,
  update_url: SECRET_URL,
  pause_url: SECRET_URL,
  resume_url: SECRET_URL,
  badge_url: SECRET_URL,
});

export const datadogBody = (transition: string, fields: JsonObject = {}): JsonObject => ({
  id: `id-${transition}`,
  title: `[${transition} on {host:a}] Disk of db is full`,
  body: '%%%\nDisk **/var** is over 90 %.\n%%%',
  date: '1788256800000',
  transition,
  aggregate: '9bd4ac313a4d1e8fae2482df7b77628a',
  alert_priority: 'P1',
  tags: 'env:prod, service:orders',
  link: 'https://app.datadoghq.com/monitors/1',
  api_key: SECRET,
  ...fields,
});

export const alarm = (state: string, fields: JsonObject = {}): JsonObject => ({
  AlarmName: 'orders-5xx',
  AlarmDescription: null,
  AWSAccountId: '123456789012',
  NewStateValue: state,
  NewStateReason: 'Threshold Crossed: 3 datapoints were greater than 5.0',
  StateChangeTime: '2026-09-01T10:00:00.000+0000',
  Region: 'EU (Frankfurt)',
  AlarmArn: 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:orders-5xx',
  OldStateValue: 'OK',
  Trigger: {
    Namespace: 'AWS/ApplicationELB',
    MetricName: 'HTTPCode_Target_5XX_Count',
    Dimensions: [{ name: 'LoadBalancer', value: 'app/orders/1' }],
    Threshold: 5,
  },
  ...fields,
});

export const sns = (message: Json): JsonObject => ({
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms',
  Message: typeof message === 'string' ? message : JSON.stringify(message),
  Timestamp: '2026-09-01T10:00:01.000Z',
  Signature: SECRET,
  UnsubscribeURL: SECRET_URL,
});

const betterStackBody = (event: string): JsonObject => ({
  event,
  data: {
    id: '55',
    type: 'incident',
    attributes: {
      name: 'Homepage',
      url: 'https://www.example.com',
      cause: 'Status 503',
      started_at: '2026-09-01T10:00:00.000Z',
      resolved_at: null,
      response_content: SECRET,
      response_url: SECRET_URL,
      screenshot_url: SECRET_URL,
    },
  },
});

const gatusBody = (status: string): JsonObject => ({
  status,
  group: 'core',
  name: 'backend',
  url: 'https://backend.example.com/health',
  description: 'backend is unhealthy',
  errors: 'connection refused',
});

export const eventV2 = (action: string, fields: JsonObject = {}): JsonObject => ({
  routing_key: SECRET,
  dedup_key: 'disk-db-1',
  event_action: action,
  client: 'Example monitor',
  client_url: 'https://monitor.example.com/alerts/1',
  links: [{ href: 'https://runbooks.example.com/disk', text: 'Runbook' }],
  images: [{ src: SECRET_URL }],
  payload: {
    summary: '[FIRING:2] Disk is full',
    source: 'db-1.example.com',
    severity: 'critical',
    timestamp: '2026-09-01T10:00:00Z',
    component: 'postgres',
    group: 'prod',
    class: 'disk',
    custom_details: { used_percent: 97 },
  },
  ...fields,
});

/** One firing and one recovered body of each source. */
export const BODIES: Record<SourceName, { firing: JsonObject; recovered: JsonObject }> = {
  alertmanager: {
    firing: alertmanagerBody(alertmanagerAlert()),
    recovered: alertmanagerBody(alertmanagerAlert({ status: 'resolved', endsAt: '2026-09-01T10:30:00Z' })),
  },
  grafana: {
    firing: { ...alertmanagerBody(grafanaAlert('firing')), version: '1', orgId: 1, state: 'alerting' },
    recovered: { ...alertmanagerBody(grafanaAlert('resolved')), version: '1', orgId: 1, state: 'ok' },
  },
  pagerduty: { firing: pagerdutyBody('triggered'), recovered: pagerdutyBody('resolved') },
  sentry: { firing: sentryIssueAlert(), recovered: sentryIssue('resolved') },
  'uptime-kuma': { firing: kumaBody(0), recovered: kumaBody(1) },
  healthchecks: { firing: healthchecksBody('down'), recovered: healthchecksBody('up') },
  datadog: { firing: datadogBody('Triggered'), recovered: datadogBody('Recovered') },
  cloudwatch: { firing: sns(alarm('ALARM')), recovered: sns(alarm('OK')) },
  'better-stack': { firing: betterStackBody('started'), recovered: betterStackBody('resolved') },
  gatus: { firing: gatusBody('TRIGGERED'), recovered: gatusBody('RESOLVED') },
};

/** Bodies that are notices, or states that are neither firing nor over. */
export const IGNORED_BODIES: Array<[SourceName, Json]> = [
  ['alertmanager', alertmanagerBody(alertmanagerAlert({ status: 'suppressed' }))],
  ['pagerduty', pagerdutyBody('acknowledged')],
  [
    'pagerduty',
    { event: { id: 'ping', event_type: 'pagey.ping', data: { message: 'Hello from your friend Pagey!' } } },
  ],
  ['sentry', sentryIssue('created')],
  ['sentry', sentryMetricAlert('open')],
  ['uptime-kuma', { heartbeat: null, monitor: null, msg: '[Shop] certificate will expire in 7 days' }],
  ['uptime-kuma', kumaBody(2)],
  ['uptime-kuma', kumaBody(3)],
  ['healthchecks', healthchecksBody('grace')],
  ['datadog', datadogBody('')],
  ['cloudwatch', sns(alarm('INSUFFICIENT_DATA'))],
  ['cloudwatch', { Type: 'UnsubscribeConfirmation', Message: 'You have chosen to deactivate', Token: SECRET }],
  ['better-stack', betterStackBody('acknowledged')],
];
