/** Metrics of one tailer process: its decisions since it started. The API has the totals that Redis stores. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type Decided, rowsIn } from './decide/batch.ts';

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
    help: 'From the oldest row of a batch to its committed decision',
    buckets: BUCKETS,
    registers: [registry],
  });
  return {
    registry,
    committed: ({ enqueued, coalesced, buffered, muted, rejected, oldest }: Decided) => {
      const counts = {
        enqueued: enqueued.length,
        coalesced: rowsIn(coalesced),
        buffered: rowsIn(buffered),
        muted: rowsIn(muted),
        rejected: rejected.stale + rejected.malformed,
      };
      for (const [decision, n] of Object.entries(counts)) if (n > 0) decided.inc({ decision }, n);
      if (oldest < Infinity) lag.observe(Math.max(0, now() - oldest) / 1_000);
    },
  };
}
