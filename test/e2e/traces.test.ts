/** Traces of the real apps, received by a double of an OpenTelemetry collector. */
import { describe, expect, onTestFinished } from 'vitest';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { append, counter, eventually, test, wakeRow } from '../support/fixtures.ts';
import { httpDouble, json } from '../support/http-double.ts';
import { runApp } from '../support/process.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  service: string;
  attributes: Record<string, unknown>;
}

/** Receives spans in the JSON encoding of OTLP. */
async function collector() {
  const double = await httpDouble(json(200, {}));
  onTestFinished(() => double.close());
  const spans = (): Span[] =>
    double.requests.flatMap(({ body }) =>
      JSON.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
        scopeSpans.flatMap(({ spans: received }: any) =>
          received.map((span: any) => ({
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
  test('one trace runs from the row to the DM, its ids are in the log, and it contains no text of rows or messages', async ({
    ns,
    logPath,
  }) => {
    const traces = await collector();
    const { env } = await doubles();
    const all = environment(ns, logPath, {
      ...env,
      ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE: 'content',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${traces.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret-of-the-test%21',
    });
    const { tailer, worker, api, url } = await startAllApps(all);
    append(logPath, wakeRow({ title: 'a title of its own' }));
    const enqueued = await tailer.until('wake.enqueued');
    append(logPath, wakeRow({ title: 'a second title' }));
    await tailer.until('wake.coalesced');
    const sent = await worker.until('delivery.sent');
    const requested = '0af7651916cd43dd8448eb211c80319c';
    await fetch(`${url}/v1/investigations/${String(enqueued.wakeId)}`, {
      headers: { traceparent: `00-${requested}-b7ad6b7169203331-01` },
    });
    await fetch(`${url}/v1/investigations?probe=a-name-in-a-query`);
    await expectCleanStop([tailer, worker, api]);

    const whole = traces.spans().filter(({ traceId }) => traceId === enqueued.trace_id);
    expect(sent.trace_id).toBe(enqueued.trace_id);
    const parentOf = ({ parentSpanId }: Span) => whole.find(({ spanId }) => spanId === parentSpanId);
    const path = (span: Span | undefined): string[] =>
      span ? [...path(parentOf(span)), `${span.service} ${span.name}`] : [];
    const named = (name: string) => whole.find((span) => span.name.startsWith(name));
    expect(path(named('slack post'))).toEqual([
      'kora-wake-tailer wake row',
      'kora-wake-worker process wakes',
      'kora-wake-worker add deliveries.deliver',
      'kora-wake-worker process deliveries',
      'kora-wake-worker slack post',
    ]);
    expect(path(named('anthropic'))).toEqual(expect.arrayContaining(['kora-wake-worker process wakes']));
    expect(named('wake row')?.attributes).toMatchObject({ 'kora.probe': 'fly', 'kora.decision': 'enqueued' });
    expect(traces.spans().filter(({ attributes }) => attributes['kora.decision'] === 'coalesced')).toHaveLength(1);
    expect(traces.spans()).toContainEqual(
      expect.objectContaining({ traceId: requested, service: 'kora-wake-api', parentSpanId: 'b7ad6b7169203331' }),
    );
    expect(traces.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'secret-of-the-test!' } });
    const bodies = traces.requests.map(({ body }) => body).join('');
    expect(bodies).not.toMatch(/secret-of-the-test|a title of its own|restart|a-name-in-a-query/i);
    expect(traces.spans()).toContainEqual(
      expect.objectContaining({ attributes: expect.objectContaining({ 'url.path': '/v1/investigations' }) }),
    );
    expect(JSON.stringify([tailer.lines, worker.lines, api.lines])).not.toContain('secret-of-the-test');
  });

  test('that is down, the apps go on and log it once', async ({ ns, logPath }) => {
    const env = environment(ns, logPath, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    const tailer = runApp('tailer', env);
    await tailer.until('tailer.following');
    append(logPath, wakeRow());
    await tailer.until('wake.enqueued');
    await tailer.until('tracing.export_failed');
    append(logPath, wakeRow({ probe: 'vercel' }));
    await eventually(async () => (await counter(ns, 'enqueued')) === 2);
    await expectCleanStop([tailer]);
    expect(tailer.lines.filter(({ event }) => event === 'tracing.export_failed')).toHaveLength(1);
  });
});

test('without a collector no log line has trace ids, and no job carries one', async ({ ns, logPath }) => {
  const tailer = runApp('tailer', environment(ns, logPath));
  await tailer.until('tailer.following');
  append(logPath, wakeRow());
  const { wakeId, ...line } = await tailer.until('wake.enqueued');
  expect(line).not.toHaveProperty('trace_id');
  expect((await ns.queue.getJob(String(wakeId)))?.opts.telemetry).toBeUndefined();
});
