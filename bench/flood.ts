/**
 * Sends alerts over open connections, each with the next one as soon as the last is answered, as a process of its own:
 * `node bench/flood.ts KIND URL CONNECTIONS SECONDS ALERTS`. It writes HTTP itself, so that it costs less than either server.
 *
 *   kora           the webhook of Alertmanager with ALERTS alerts, to our API
 *   alertmanager   the same alerts to the API of Alertmanager
 *
 * Prints one line of JSON: alerts per second, median and p99 of the answers (ms), answers other than 2xx, and all alerts that it sent,
 * also those before the measurement.
 */
import { connect } from 'node:net';
import { median, quantile } from './measure.ts';

const [, , kind = '', url = '', connections = '', seconds = '', alerts = ''] = process.argv;
const { hostname, port } = new URL(url);
/** Time before the measurement, in which code is compiled, ms. */
const WARM_MS = 3_000;
const HEADER_END = Buffer.from('\r\n\r\n');

/** Distinguishes the alerts of this run from those of others, which would be retries. */
const run = Date.now().toString(36);
let made = 0;

function request(): Buffer {
  const list = Array.from({ length: Number(alerts) }, alert);
  const body = JSON.stringify(kind === 'kora' ? webhookOf(list) : list);
  const path = kind === 'kora' ? '/v1/ingest/alertmanager' : '/api/v2/alerts';
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function alert() {
  const id = `${run}-${made++}`;
  return {
    labels: { alertname: 'HighErrorRate', service: `shop-${made % 100}`, severity: 'critical', instance: id },
    annotations: { summary: 'The shop answers with errors', description: 'The error rate is 12 %, the limit is 1 %.' },
    startsAt: '2026-11-26T10:00:00Z',
    generatorURL: 'http://prometheus.example.com/graph',
    ...(kind === 'kora' && { status: 'firing', fingerprint: id }),
  };
}

function webhookOf(list: unknown[]) {
  return {
    version: '4',
    groupKey: '{}:{alertname="HighErrorRate"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'kora-wake',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example.com',
    alerts: list,
  };
}

const times: number[] = [];
let failed = 0;
const begin = performance.now() + WARM_MS;
const end = begin + Number(seconds) * 1_000;

/** One connection until the end. */
function flood(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let sentAt = 0;
    let answer = Buffer.alloc(0);
    const send = () => {
      sentAt = performance.now();
      socket.write(request());
    };
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      answer = answer.length > 0 ? Buffer.concat([answer, chunk]) : chunk;
      const headerEnd = answer.indexOf(HEADER_END);
      if (headerEnd < 0) return;
      const header = answer.toString('latin1', 0, headerEnd);
      const length = Number(/content-length: (\d+)/i.exec(header)?.[1] ?? 0);
      if (answer.length < headerEnd + HEADER_END.length + length) return;
      answer = Buffer.alloc(0);
      const now = performance.now();
      if (sentAt >= begin && now <= end) {
        times.push(now - sentAt);
        if (!header.startsWith('HTTP/1.1 2')) failed++;
      }
      if (now < end) send();
      else {
        socket.destroy();
        resolve();
      }
    });
  });
}

await Promise.all(Array.from({ length: Number(connections) }, flood));
console.log(
  JSON.stringify({
    msg: 'done',
    perS: (times.length * Number(alerts)) / Number(seconds),
    p50: median(times),
    p99: quantile(times, 0.99),
    failed,
    sent: made,
  }),
);
