import { NO_USAGE } from '@kora-wake/shared/wake/report';
import { expect, test } from 'vitest';
import { prices } from '../src/investigation/prices.ts';
import { workerMetrics } from '../src/metrics.ts';

const series = async (metrics: ReturnType<typeof workerMetrics>, name: string) =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));

test('names of tools that a model invents share one label', async () => {
  const metrics = workerMetrics(prices());
  for (let i = 0; i < 300; i++) {
    const call = { source: `call-${i}`, name: `invented-${i}`, durationMs: 0, excType: 'UnknownTool' };
    metrics.toolCall({ ...call, status: 'not_allowed' });
  }
  metrics.toolCall({ source: 'call-1', name: 'audit_rows', durationMs: 0, status: 'ok' });
  expect(await series(metrics, 'kora_tool_calls_total')).toEqual([
    'kora_tool_calls_total{tool="unknown",status="not_allowed"} 300',
    'kora_tool_calls_total{tool="audit_rows",status="ok"} 1',
  ]);
});

test('labels that a server chooses are bounded: names of its tools, models, and statuses', async () => {
  const metrics = workerMetrics(prices());
  for (let i = 0; i < 1_000; i++) {
    metrics.toolCall({ source: 'call-1', name: `server__tool_${i}`, durationMs: 0, status: 'ok' });
    const call = { route: 'probe_investigation', usage: NO_USAGE, durationMs: 0 } as const;
    metrics.engineCall({ ...call, model: `model-${i}` });
    metrics.engineCall({ ...call, model: 'model-0', error: `sdk_4xx_${i}` });
  }
  expect(await series(metrics, 'kora_tool_calls_total')).toHaveLength(101);
  expect(await series(metrics, 'kora_engine_usd_total')).toHaveLength(101);
  expect((await series(metrics, 'kora_engine_calls_total')).length).toBeLessThanOrEqual(202);
});
