/** Metrics of one worker process since its start. The API exports the state in Redis. */
import { type EngineCall, isRepeated, type Report, type ToolCall } from '@kora-wake/shared/wake/report';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Prices } from './investigation/prices.ts';
import { UNKNOWN_TOOL } from './investigation/tool-calls.ts';

/** Seconds. */
const BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3_600];

/** Times of a wake's stages, ms since the epoch. */
export interface Stages {
  emittedAt: number;
  /** When its delivery was queued, after the investigation. */
  readyAt: number;
  endedAt: number;
}

/** Values of one label. Each one is a time series, for as long as the process runs. */
const MAX_VALUES = 100;

/** Limits the values of a label that come from a model or a server: once there are too many, new ones become `other`. */
function boundedLabel(): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.size < MAX_VALUES) seen.add(value);
    return seen.has(value) ? value : 'other';
  };
}

export function workerMetrics(prices: Prices) {
  const [toolLabel, modelLabel, errorLabel] = [boundedLabel(), boundedLabel(), boundedLabel()];
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
    engineCall: ({ route, model: name, usage, error }: EngineCall) => {
      const model = modelLabel(name);
      calls.inc({ route, model, error: errorLabel(error ?? 'ok') });
      tokens.inc({ kind: 'input' }, usage.inputTokens);
      tokens.inc({ kind: 'output' }, usage.outputTokens);
      tokens.inc({ kind: 'cache_creation' }, usage.cacheCreationInputTokens);
      tokens.inc({ kind: 'cache_read' }, usage.cacheReadInputTokens);
      usd.inc({ model }, prices.usd(name, usage) ?? 0);
    },
    // The model can invent names of tools, also because a planted text asks it to.
    toolCall: ({ name, status, excType }: ToolCall) =>
      tools.inc({ tool: excType === UNKNOWN_TOOL ? 'unknown' : toolLabel(name), status }),
    withdrawn: () => dms.inc({ outcome: 'withdrawn' }),
    digested: (outcome: string, wakes: number) => dms.inc({ outcome }, wakes),
    ended: (outcome: string, report: Report, { emittedAt, readyAt, endedAt }: Stages) => {
      dms.inc({ outcome });
      wakeToDm.observe({ stage: 'whole' }, seconds(emittedAt, endedAt));
      wakeToDm.observe({ stage: 'waiting' }, seconds(emittedAt + report.durationMs, readyAt));
      if (!isRepeated(report)) wakeToDm.observe({ stage: 'investigation' }, report.durationMs / 1_000);
      wakeToDm.observe({ stage: 'delivery' }, seconds(readyAt, endedAt));
    },
  };
}

function seconds(from: number, to: number): number {
  return Math.max(0, to - from) / 1_000;
}
