/** Metrics of one worker process since its start. The API exports the state in Redis. */
import type { EngineCall, Report, ToolCall } from '@kora-wake/shared/wake/report';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { priceUsd } from './investigation/prices.ts';

/** Seconds. */
const BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3_600];

/** Times of a wake's stages, ms since the epoch. */
export interface Stages {
  emittedAt: number;
  /** When its delivery was queued, after the investigation. */
  readyAt: number;
  endedAt: number;
}

export function workerMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const wakeToDm = new Histogram({
    name: 'kora_wake_to_dm_seconds',
    help: 'Time from the row to the DM: whole, and by stage',
    labelNames: ['stage'],
    buckets: BUCKETS,
    registers,
  });
  const calls = new Counter({
    name: 'kora_engine_calls_total',
    help: 'LLM calls; error is ok if the LLM answered',
    labelNames: ['route', 'model', 'error'],
    registers,
  });
  const tokens = new Counter({
    name: 'kora_engine_tokens_total',
    help: 'LLM tokens by kind',
    labelNames: ['kind'],
    registers,
  });
  const usd = new Counter({
    name: 'kora_engine_usd_total',
    help: 'Cost of LLM calls by model, USD',
    labelNames: ['model'],
    registers,
  });
  const tools = new Counter({
    name: 'kora_tool_calls_total',
    help: 'Tool calls by status',
    labelNames: ['tool', 'status'],
    registers,
  });
  const dms = new Counter({
    name: 'kora_dms_total',
    help: 'Wakes that ended, by outcome',
    labelNames: ['outcome'],
    registers,
  });
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
