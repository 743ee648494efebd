/** Traces: real apps, and a collector that takes what OpenTelemetry sends. */
import { describe, expect, onTestFinished } from 'vitest';
import { anthropicDouble } from '../support/anthropic.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { httpDouble, json } from '../support/http-double.ts';
import { runApp } from '../support/process.ts';
import { slackDouble } from '../support/slack.ts';

interface Told {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  service: string;
  attributes: Record<string, unknown>;
}

/** Takes spans as OTLP has them in JSON. */
async function collector() {
  const double = await httpDouble(json(200, {}));
  onTestFinished(() => double.close());
  const spans = (): Told[] =>
    double.requests.flatMap(({ body }) =>
      JSON.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
        scopeSpans.flatMap(({ spans: told }: any) =>
          told.map((span: any) => ({
            ...span,
            service: resource.attributes.find(({ key }: any) => key === 'service.name').value.stringValue,
            attributes: Object.fromEntries(
              span.attributes.map(({ key, value }: any) => [key, Object.values(value)[0]]),
            ),
          })),
        ),
      ),
    );
  return { ...double, spans };
}

describe('with a collector', () => {
  test('one trace runs from the row to the DM, its ids stand in the log, and no text of anybody is in it', {
    timeout: 60_000,
  }, async ({ ns, logPath }) => {
    const [slack, anthropic, traces] = await Promise.all([slackDouble(), anthropicDouble(), collector()]);
    onTestFinished(async () => {
      await Promise.all([slack.close(), anthropic.close()]);
    });
    const env = {
      REDIS_URL: ns.redisUrl,
      KORA_QUEUE_PREFIX: ns.prefix,
      KORA_AUDIT_LOG_PATH: logPath,
      KORA_API_PORT: '0',
      KORA_SLACK_BOT_TOKEN: 'xoxb-secret-of-the-test',
      KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
      KORA_SLACK_API_URL: slack.apiUrl,
      ANTHROPIC_API_KEY: 'sk-ant-secret-of-the-test',
      ANTHROPIC_BASE_URL: anthropic.url,
      ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE: 'content',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${traces.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret-of-the-test%21',
    };
    const [tailer, worker, api] = [runApp('tailer', env), runApp('worker', env), runApp('api', env)];
    await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
    append(logPath, wakeRow({ title: 'a title of its own' }));
    const enqueued = await tailer.until('enqueued');
    append(logPath, wakeRow({ title: 'a second title' }));
    await tailer.until('coalesced');
    const told = await worker.until('DM accepted by Slack');
    const url = /http:\/\/\S+/.exec((await api.until('listening on')).msg)?.[0] ?? '';
    const asked = '0af7651916cd43dd8448eb211c80319c';
    await fetch(`${url}/v1/investigations/${String(enqueued.wakeId)}`, {
      headers: { traceparent: `00-${asked}-b7ad6b7169203331-01` },
    });
    for (const app of [tailer, worker, api]) app.child.kill('SIGTERM');
    expect(await Promise.all([tailer.exited, worker.exited, api.exited])).toEqual([0, 0, 0]);

    const whole = traces.spans().filter(({ traceId }) => traceId === enqueued.trace_id);
    expect(told.trace_id).toBe(enqueued.trace_id);
    const parentOf = ({ parentSpanId }: Told) => whole.find(({ spanId }) => spanId === parentSpanId);
    const way = (span: Told | undefined): string[] =>
      span ? [...way(parentOf(span)), `${span.service} ${span.name}`] : [];
    const named = (name: string) => whole.find((span) => span.name.startsWith(name));
    expect(way(named('slack post'))).toEqual([
      'kora-wake-tailer wake row',
      'kora-wake-worker process wakes',
      'kora-wake-worker add deliveries.deliver',
      'kora-wake-worker process deliveries',
      'kora-wake-worker slack post',
    ]);
    expect(way(named('anthropic'))).toEqual(expect.arrayContaining(['kora-wake-worker process wakes']));
    expect(named('wake row')?.attributes).toMatchObject({ 'kora.probe': 'fly', 'kora.decision': 'enqueued' });
    expect(traces.spans().filter(({ attributes }) => attributes['kora.decision'] === 'coalesced')).toHaveLength(1);
    expect(traces.spans()).toContainEqual(
      expect.objectContaining({ traceId: asked, service: 'kora-wake-api', parentSpanId: 'b7ad6b7169203331' }),
    );
    expect(traces.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'secret-of-the-test!' } });
    const sent = traces.requests.map(({ body }) => body).join('');
    expect(sent).not.toMatch(/secret-of-the-test|a title of its own|restart/i);
    expect(JSON.stringify([tailer.lines, worker.lines, api.lines])).not.toContain('secret-of-the-test');
  });

  test('that is away, nothing stops, and the log says so once', { timeout: 30_000 }, async ({ ns, logPath }) => {
    const env = {
      REDIS_URL: ns.redisUrl,
      KORA_QUEUE_PREFIX: ns.prefix,
      KORA_AUDIT_LOG_PATH: logPath,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    };
    const tailer = runApp('tailer', env);
    await tailer.until('following the log');
    append(logPath, wakeRow());
    await tailer.until('enqueued');
    await tailer.until('traces cannot be sent');
    append(logPath, wakeRow({ probe: 'vercel' }));
    await eventually(async () => (await ns.redis.hget(ns.keys.counters, 'enqueued')) === '2');
    tailer.child.kill('SIGTERM');
    expect(await tailer.exited).toBe(0);
    expect(tailer.lines.filter(({ msg }) => msg.includes('traces cannot be sent'))).toHaveLength(1);
  });
});

test('without a collector no line has the ids of a trace, and no job carries one', async ({ ns, logPath }) => {
  const env = { REDIS_URL: ns.redisUrl, KORA_QUEUE_PREFIX: ns.prefix, KORA_AUDIT_LOG_PATH: logPath };
  const tailer = runApp('tailer', env);
  await tailer.until('following the log');
  append(logPath, wakeRow());
  const { wakeId, ...line } = await tailer.until('enqueued');
  expect(line).not.toHaveProperty('trace_id');
  expect((await ns.queue.getJob(String(wakeId)))?.opts.telemetry).toBeUndefined();
});
