/** What one tailer process has decided since it started; what Redis knows is told by the API. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Decision } from './decide.ts';

/** Seconds. */
const BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3_600];

export function tailerMetrics(now: () => number) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const decided = new Counter({
    name: 'kora_tailer_rows_total',
    help: 'Rows that this tailer committed, by decision',
    labelNames: ['decision'],
    registers: [registry],
  });
  const lag = new Histogram({
    name: 'kora_tailer_lag_seconds',
    help: 'From the row to its committed decision',
    buckets: BUCKETS,
    registers: [registry],
  });
  return {
    registry,
    committed: (decisions: Decision[]) => {
      for (const decision of decisions) {
        if (decision.kind === 'none') continue;
        decided.inc({ decision: decision.kind });
        if (decision.kind === 'rejected') continue;
        const { emittedAt } = decision.kind === 'enqueued' ? decision.wake : decision;
        lag.observe(Math.max(0, now() - emittedAt) / 1_000);
      }
    },
  };
}
