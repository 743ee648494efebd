/**
 * Traces: one from the row to its DM, across tailer and workers, and one for each request to the API. Off unless
 * `OTEL_EXPORTER_OTLP_ENDPOINT` is set: the SDK is not even loaded then, and the spans below are the no-ops of OpenTelemetry's API.
 *
 * The job's options carry the context to BullMQ's workers.
 */
import {
  type Attributes,
  context,
  DiagLogLevel,
  diag,
  propagation,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';
import { firstChars } from '../wake/text.ts';
import type { Wake } from '../wake/wake.ts';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';
import { logEvent } from './log-events.ts';

export interface Tracing {
  /** For queues and workers that take part in the traces. */
  telemetry: Telemetry;
  /** Sends the remaining spans, within a few seconds. */
  close(): Promise<void>;
}

/** Longer values of attributes are cut; characters. */
const MAX_ATTRIBUTE = 1_000;
/** Time limit of one export, also of the last one, ms. */
const SEND_MS = 2_000;

const tracer = () => trace.getTracer('kora-wake');

/** Starts sending spans. @param app its name, for `service.name` */
export async function startTracing(app: string, otlp: NonNullable<Config['otlp']>, log: Logger): Promise<Tracing> {
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }, core, { AsyncLocalStorageContextManager }, bullmq] =
    await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
      import('bullmq-otel'),
    ]);
  logExportErrors(log);
  const exporter = new OTLPTraceExporter({
    url: `${otlp.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: otlp.headers,
    timeoutMillis: SEND_MS,
  });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `kora-wake-${app}` }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE },
    spanProcessors: [
      withoutQueries,
      new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000, exportTimeoutMillis: SEND_MS }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  return {
    telemetry: new bullmq.BullMQOtel({ tracerName: 'kora-wake' }),
    close: () => provider.shutdown(),
  };
}

/** A span whose attributes may still change. Its type in the SDK is not imported, so that the SDK is loaded only if needed. */
interface EndingSpan {
  attributes: Attributes;
  setAttribute(name: string, value: string): unknown;
}

/** Attributes of HTTP libraries whose value is a URL or the part of a URL after the host. */
const URL_ATTRIBUTES = ['url.full', 'http.url', 'http.target', 'url.path'];

/** Removes query strings from spans, because they can contain credentials. Libraries set them by themselves. */
const withoutQueries = {
  onStart: () => undefined,
  onEnding: (span: EndingSpan) => {
    for (const name of URL_ATTRIBUTES) {
      const value = span.attributes[name];
      if (typeof value === 'string') span.setAttribute(name, value.replace(/[?#].*$/s, ''));
    }
    if (span.attributes['url.query'] !== undefined) span.setAttribute('url.query', '');
  },
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

const silent = () => undefined;

/** Logs once that the collector is unreachable. Nothing else changes. */
function logExportErrors(log: Logger): void {
  let isLogged = false;
  const error = (message: string) => {
    if (!isLogged) logEvent(log, 'tracing.export_failed', { reason: firstChars(message, MAX_ATTRIBUTE) });
    isLogged = true;
  };
  diag.setLogger(
    { error, warn: silent, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}

/** The ids that connect a log line with its trace. Empty outside of a trace. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/** Runs `work` as a span of the current trace. */
export async function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'Error' });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The traces of rows. A trace begins when its row is read, and its first span ends when the decision is committed. */
export interface RowTraces {
  /** The trace context for the row's job, or undefined if tracing is off. A second call continues the same trace. */
  begin(wake: Wake): string | undefined;
  /** @param report runs inside the trace, so that its log lines have the ids */
  end(wake: Wake, attributes: Attributes, report: () => void): void;
}

export function rowTraces(): RowTraces {
  const open = new Map<string, Span>();
  return {
    begin: (wake) => {
      const span = open.get(wake.id) ?? tracer().startSpan('wake row', { root: true, attributes: attributesOf(wake) });
      if (!span.isRecording()) return undefined;
      open.set(wake.id, span);
      const carrier: Record<string, string> = {};
      propagation.inject(trace.setSpan(context.active(), span), carrier);
      return JSON.stringify(carrier);
    },
    end: (wake, attributes, report) => {
      const span = open.get(wake.id);
      if (!span) return report();
      open.delete(wake.id);
      context.with(trace.setSpan(context.active(), span), report);
      span.setAttributes(attributes).end();
    },
  };
}

function attributesOf({ id, probe, category, severity }: Wake): Attributes {
  return { 'kora.wake_id': id, 'kora.probe': probe, 'kora.category': category, 'kora.severity': severity };
}
