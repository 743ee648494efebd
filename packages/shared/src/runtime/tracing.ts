/**
 * Traces: one from the row to its DM, across tailer and workers, and one for each request to the API. Off unless
 * `OTEL_EXPORTER_OTLP_ENDPOINT` is set; then nothing of the SDK is even loaded, and the spans below are the no-ops of
 * OpenTelemetry's API.
 *
 * The context travels in the job's options, where BullMQ's workers find it.
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
import type { Wake } from '../wake/wake.ts';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';

export interface Tracing {
  /** For the queues and workers that are to be part of it. */
  telemetry: Telemetry;
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
}

/** Longer values of attributes are cut; characters. */
const MAX_ATTRIBUTE = 1_000;
/** Sending takes no longer, also the last time, ms. */
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
  reportTo(log);
  const exporter = new OTLPTraceExporter({
    url: `${otlp.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: otlp.headers,
    timeoutMillis: SEND_MS,
  });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `kora-wake-${app}` }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE },
    spanProcessors: [
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

const silent = () => undefined;

/** A collector that is away is worth a line, and stops nothing. */
function reportTo(log: Logger): void {
  let said = false;
  const error = (message: string) => {
    if (!said) log.warn({ reason: message.slice(0, MAX_ATTRIBUTE) }, 'traces cannot be sent for now; going on without');
    said = true;
  };
  diag.setLogger(
    { error, warn: silent, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}

/** The ids that join a log line to its trace; none outside of one. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/** Runs `work` as a span of the trace it is in. */
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

/** The traces of rows: each begins when its row is read, and its first span ends when the decision is committed. */
export interface RowTraces {
  /** What the row's job carries on, or undefined where nothing is traced. Asking again goes on with the same trace. */
  begin(wake: Wake): string | undefined;
  /** @param report runs as part of the trace, so that its log lines carry the ids */
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
