/** What Prometheus scrapes from the API: what Redis says of all of us, read anew at each scrape. */
import { readAccount } from '@kora-wake/shared/store/account';
import { readSpend } from '@kora-wake/shared/store/budget-ledger';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import { readSources } from '@kora-wake/shared/store/sources';
import { oldestPendingMs } from '@kora-wake/shared/store/wake-record';
import { countWindows, type WindowStore } from '@kora-wake/shared/store/windows';
import { BUDGET_TIERS } from '@kora-wake/shared/wake/budget';
import { Counter, Gauge, Registry } from 'prom-client';

export interface MetricsOptions {
  store: WindowStore;
  deliveries: DeliveriesQueue;
  budgetUsd: number;
  now(): number;
}

/** A delivery queue that is told to wait longer than its own pace asks is held, ms. */
const HELD_MS = 2_000;
const STATES = ['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'] as const;

/** The metrics as Prometheus reads them. Rejects where Redis does not answer. */
export function metrics({ store, deliveries, budgetUsd, now }: MetricsOptions): {
  text(): Promise<string>;
  type: string;
} {
  const { redis, keys, queue } = store;
  const registry = new Registry();
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `kora_${name}`, help, labelNames, registers: [registry] });
  // Counted in Redis, over all processes and their restarts: set here, never counted.
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `kora_${name}_total`, help, labelNames, registers: [registry] });

  const rows = counter('wake_rows', 'Wake rows by decision; reason where they were rejected', ['decision', 'reason']);
  const ended = counter('wakes_ended', 'Wakes by outcome', ['outcome']);
  const repaired = counter('repaired', 'What the sweeper repaired, by kind', ['kind']);
  const unread = counter('unread_lines', 'Lines that name a wake and could not be read');
  const inFlight = gauge('wakes_in_flight', 'Jobs that have not ended');
  const unaccounted = gauge(
    'wakes_unaccounted',
    'Rows without a decision and wakes without an end; anything but 0 is a loss',
  );
  const windows = gauge('debounce_windows', 'Open debounce windows');
  const jobs = gauge('queue_jobs', 'Jobs by queue and state', ['queue', 'state']);
  const oldest = gauge('queue_oldest_seconds', 'Age of the oldest waiting job', ['queue']);
  const untold = gauge('oldest_pending_seconds', 'How long the wake that waits longest for its end has waited');
  const held = gauge('deliveries_held', '1 while all deliveries wait, for Slack or for a good token');
  const lag = gauge('tailer_lag_bytes', 'Written and not decided; only where the API sees the log', ['source']);
  const committed = gauge('tailer_committed_timestamp_seconds', 'When a batch was last committed', ['source']);
  const lease = gauge('tailer_lease_held', '1 while a tailer holds the lease of the log', ['source']);
  const spend = gauge('spend_usd', 'Spent in this UTC month', ['route', 'model']);
  const budget = gauge('budget_usd', 'Budget of a UTC month; 0 = no limit');
  const rung = gauge('budget_rung', '1 for the rung of the cost ladder that holds', ['rung']);

  async function collect(): Promise<void> {
    const [account, sources, spent, open, holdMs, pendingMs] = await Promise.all([
      readAccount(redis, keys),
      readSources(redis, keys),
      readSpend(redis, keys, budgetUsd, now()),
      countWindows(store, now()),
      deliveries.getRateLimitTtl(),
      oldestPendingMs(redis, keys, now()),
    ]);
    registry.resetMetrics();
    rows.inc({ decision: 'enqueued', reason: '' }, account.enqueued);
    rows.inc({ decision: 'coalesced', reason: '' }, account.coalesced);
    for (const [reason, n] of Object.entries(account.rejected)) rows.inc({ decision: 'rejected', reason }, n);
    for (const [outcome, n] of Object.entries(account.outcomes)) ended.inc({ outcome }, n);
    for (const [kind, n] of Object.entries(account.repaired)) repaired.inc({ kind }, n);
    unread.inc(account.unreadLines);
    inFlight.set(account.inFlight);
    unaccounted.set(account.unaccounted);
    windows.set(open);
    untold.set(pendingMs / 1_000);
    held.set(holdMs > HELD_MS ? 1 : 0);
    for (const source of sources) {
      if (source.lagBytes !== null) lag.set({ source: source.path }, source.lagBytes);
      committed.set({ source: source.path }, source.committedAt / 1_000);
      lease.set({ source: source.path }, source.holder === null ? 0 : 1);
    }
    for (const { route, model, usd } of spent.entries) spend.inc({ route, model }, usd);
    budget.set(budgetUsd);
    for (const step of BUDGET_TIERS) {
      rung.set({ rung: step }, step === spent.tier ? 1 : 0);
    }
    for (const each of [queue, deliveries]) {
      const [counts, [first]] = await Promise.all([each.getJobCounts(...STATES), each.getWaiting(0, 0)]);
      for (const state of STATES) jobs.set({ queue: each.name, state }, counts[state] ?? 0);
      oldest.set({ queue: each.name }, first ? Math.max(0, now() - first.timestamp) / 1_000 : 0);
    }
  }

  // One scrape at a time: they share the numbers.
  let last: Promise<unknown> = Promise.resolve();
  return {
    type: registry.contentType,
    text: () => {
      const scrape = last.then(collect).then(() => registry.metrics());
      last = scrape.catch(() => undefined);
      return scrape;
    },
  };
}
