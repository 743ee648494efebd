/** What one worker process has done since it started; what Redis knows is told by the API. */
import type { EngineCall, Report, ToolCall } from '@kora-wake/shared/wake/report';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { priceUsd } from './investigation/prices.ts';

/** A pager's scale, seconds. */
const BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3_600];

/** When the stages of a wake began and ended, ms since the epoch. */
export interface Stages {
  emittedAt: number;
  /** When its delivery was queued: it was investigated by then. */
  readyAt: number;
  endedAt: number;
}

export function workerMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const wakeToDm = new Histogram({
    name: 'kora_wake_to_dm_seconds',
    help: 'From the row to the DM: whole, and by stage',
    labelNames: ['stage'],
    buckets: BUCKETS,
    registers,
  });
  const calls = new Counter({
    name: 'kora_engine_calls_total',
    help: 'Calls of the engine; error is ok where it answered',
    labelNames: ['route', 'model', 'error'],
    registers,
  });
  const tokens = new Counter({
    name: 'kora_engine_tokens_total',
    help: 'Tokens by kind',
    labelNames: ['kind'],
    registers,
  });
  const usd = new Counter({ name: 'kora_engine_usd_total', help: 'USD by model', labelNames: ['model'], registers });
  const tools = new Counter({
    name: 'kora_tool_calls_total',
    help: 'Calls of tools by status',
    labelNames: ['tool', 'status'],
    registers,
  });
  const dms = new Counter({ name: 'kora_dms_total', help: 'DMs by outcome', labelNames: ['outcome'], registers });
  return {
    registry,
    engineCall: ({ route, model, usage, error }: EngineCall) => {
      calls.inc({ route, model, error: error ?? 'ok' });
      tokens.inc({ kind: 'input' }, usage.inputTokens);
      tokens.inc({ kind: 'output' }, usage.outputTokens);
      tokens.inc({ kind: 'cache_creation' }, usage.cacheCreationInputTokens);
      tokens.inc({ kind: 'cache_read' }, usage.cacheReadInputTokens);
      usd.inc({ model }, priceUsd(model, usage) ?? 0);
    },
    toolCall: ({ name, status }: ToolCall) => tools.inc({ tool: name, status }),
    ended: (outcome: string, report: Report, { emittedAt, readyAt, endedAt }: Stages) => {
      dms.inc({ outcome });
      wakeToDm.observe({ stage: 'whole' }, seconds(emittedAt, endedAt));
      wakeToDm.observe({ stage: 'waiting' }, seconds(emittedAt + report.durationMs, readyAt));
      wakeToDm.observe({ stage: 'investigation' }, report.durationMs / 1_000);
      wakeToDm.observe({ stage: 'delivery' }, seconds(readyAt, endedAt));
    },
  };
}

function seconds(from: number, to: number): number {
  return Math.max(0, to - from) / 1_000;
}
