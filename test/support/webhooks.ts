/** Requests of alerting tools, in the forms that the tools send. */

export interface Webhook {
  path: string;
  body: string;
  headers: Record<string, string>;
}

interface Alert {
  /** Distinguishes the alert from all others: the instance of its row. */
  id: number;
  /** Name of the check. Two alerts of one source and name have one pair. */
  name: string;
}

/** ISO 8601. Differs for different alerts, as their starts do. */
const startOf = ({ id }: Alert) => new Date(Date.UTC(2026, 10, 26, 10) + id).toISOString();

function prometheusAlert(alert: Alert, more: Record<string, unknown>): Record<string, unknown> {
  return {
    status: 'firing',
    labels: { alertname: alert.name, service: 'shop', severity: 'critical' },
    annotations: { summary: `${alert.name} of the shop`, description: 'The error rate is 12 %.' },
    startsAt: startOf(alert),
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'https://prometheus.example.com/graph?g0.expr=up',
    fingerprint: String(alert.id),
    ...more,
  };
}

/** Body of a request, by source. */
const BODIES = {
  alertmanager: (alert: Alert) => ({
    version: '4',
    groupKey: `{}:{alertname="${alert.name}"}`,
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'kora-wake',
    groupLabels: { alertname: alert.name },
    commonLabels: { alertname: alert.name, service: 'shop' },
    commonAnnotations: {},
    externalURL: 'https://alertmanager.example.com',
    alerts: [prometheusAlert(alert, {})],
  }),
  grafana: (alert: Alert) => ({
    version: '1',
    receiver: 'kora-wake',
    status: 'firing',
    orgId: 1,
    state: 'alerting',
    title: `[FIRING:1] ${alert.name}`,
    message: '**Firing**',
    alerts: [
      prometheusAlert(alert, {
        labels: { alertname: alert.name, service: 'metrics', severity: 'warning' },
        values: { A: 12.5, B: null },
        dashboardURL: 'https://grafana.example.com/d/1',
        silenceURL: 'https://grafana.example.com/alerting/silence/new',
      }),
    ],
  }),
  'uptime-kuma': (alert: Alert) => ({
    heartbeat: {
      monitorID: alert.id,
      status: 0,
      time: startOf(alert).replace('T', ' ').replace('Z', ''),
      msg: 'connect ECONNREFUSED 192.0.2.7:443',
      important: true,
    },
    monitor: { id: alert.id, name: alert.name, type: 'http', url: 'https://shop.example.com' },
    msg: `[${alert.name}] [Down] connect ECONNREFUSED 192.0.2.7:443`,
  }),
  datadog: (alert: Alert) => ({
    id: String(alert.id),
    title: `[Triggered] ${alert.name}`,
    transition: 'Triggered',
    aggregate: String(alert.id),
    alert_priority: 'P2',
    tags: 'env:production,service:payments',
    date: String(Date.parse(startOf(alert))),
    body: '%%%\nThe queue has 900 jobs.\n%%%',
    link: 'https://app.datadoghq.example/monitors/1',
  }),
  'events-v2': (alert: Alert, token: string) => ({
    routing_key: token,
    event_action: 'trigger',
    dedup_key: String(alert.id),
    payload: {
      summary: `${alert.name} on db-1`,
      source: 'db-1',
      component: 'database',
      class: alert.name,
      severity: 'error',
      timestamp: startOf(alert),
    },
  }),
};

export type WebhookSource = keyof typeof BODIES;
export const WEBHOOK_SOURCES: readonly WebhookSource[] = [
  'alertmanager',
  'grafana',
  'uptime-kuma',
  'datadog',
  'events-v2',
];

/** The request by which a tool sends an alert. @param token value of KORA_INGEST_TOKEN */
export function webhook(source: WebhookSource, alert: Alert, token: string): Webhook {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (source !== 'events-v2') headers.authorization = `Bearer ${token}`;
  return {
    path: source === 'events-v2' ? '/v2/enqueue' : `/v1/ingest/${source}`,
    body: JSON.stringify(BODIES[source](alert, token)),
    headers,
  };
}

/** Time between two attempts, ms. */
const RETRY_MS = 50;

/**
 * Sends a request until a 2xx comes: after a fault of the network or the server it tries again, as Alertmanager does.
 *
 * @param url address of the API, asked before each attempt
 * @throws an Error for any other status: the tool would drop the alert
 */
export async function sendUntilAccepted({ path, body, headers }: Webhook, url: () => Promise<string>): Promise<void> {
  for (;;) {
    const answer = await fetch(`${await url()}${path}`, { method: 'POST', body, headers }).catch(() => undefined);
    const text = await answer?.text().catch(() => '');
    if (answer?.ok) return;
    if (answer && answer.status < 500) throw new Error(`${path} answered ${answer.status}: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
