/** Metrics of all processes together. Each scrape reads them from Redis. */
import { readAccount } from '@kora-wake/shared/store/account';
import { readSpend, type Spend } from '@kora-wake/shared/store/budget-ledger';
import { INGEST_RESULTS, readIngestCounts } from '@kora-wake/shared/store/ingestion';
import { readProblems } from '@kora-wake/shared/store/problems';
import type { DeliveriesQueue } from '@kora-wake/shared/store/queues';
import { readSources } from '@kora-wake/shared/store/sources';
import { oldestPendingMs } from '@kora-wake/shared/store/wake-record';
import { countWindows, type WindowStore } from '@kora-wake/shared/store/windows';
import { BUDGET_TIERS } from '@kora-wake/shared/wake/budget';
import { shorten } from '@kora-wake/shared/wake/text';
import { Counter, Gauge, Registry } from 'prom-client';
import { JOB_STATES } from './contract.ts';
import { countJobs, oldestWaitingMs } from './queue-state.ts';
import type { SocketState } from './socket.ts';

/** Pairs of route and model with labels of their own. */
const MAX_SPEND_LABELS = 50;
/** Longest value of a label, characters. */
const MAX_LABEL = 100;

export interface MetricsOptions {
  store: WindowStore;
  deliveries: DeliveriesQueue;
  /** Undefined: there is no socket to Slack. */
  socket?: SocketState | undefined;
  budgetUsd: number;
  now(): number;
}

/** Deliveries are held if their queue has to wait longer than the usual pace between two messages requires, ms. */
const HELD_MS = 2_000;

/** The metrics in Prometheus's text format. `text` rejects if Redis does not answer. */
export function metrics({ store, deliveries, budgetUsd, socket, now }: MetricsOptions): {
  text(): Promise<string>;
  type: string;
} {
  const { redis, keys, queue } = store;
  const registry = new Registry();
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `kora_${name}`, help, labelNames, registers: [registry] });
  // Redis counts over all processes and restarts. Each scrape sets these counters to its numbers.
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `kora_${name}_total`, help, labelNames, registers: [registry] });

  const rows = counter('wake_rows', 'Wake rows by decision, and by reason if rejected', ['decision', 'reason']);
  const recovered = counter('recovered_rows', 'Rows of recoveries by result', ['result']);
  const ended = counter('wakes_ended', 'Wakes by outcome', ['outcome']);
  const repaired = counter('repaired', 'Repairs after crashes, by kind', ['kind']);
  const unread = counter('unread_lines', 'Lines that name a wake or a recovery but cannot be read');
  const ingested = counter('ingested', 'Alerts and requests of other tools by source and result', ['source', 'result']);
  const openings = counter('incidents_opened', 'Openings and reopenings of incidents');
  const closings = counter('incidents_closed', 'Closed incidents by reason', ['reason']);
  const acknowledged = counter('incidents_acknowledged', 'Openings of incidents that a person acknowledged');
  const untilAcknowledged = counter(
    'incident_acknowledge_seconds',
    'Sum of the times from an opening to its first acknowledgement',
  );
  const durations = counter('incident_duration_seconds', 'Sum of the times from an opening to its close');
  const flaps = counter('incident_flaps', 'Reopenings of incidents');
  const notices = counter('notices', 'Messages of incidents that belong to no wake, by result', ['result']);
  const feedback = counter('diagnosis_feedback', 'How people judged a diagnosis', ['verdict']);
  const pendingNotices = gauge('notices_pending', 'Messages of incidents that belong to no wake and are not sent yet');
  const openIncidents = gauge('incidents_open', 'Open incidents');
  const socketOpen = gauge('slack_socket_open', '1 while the socket for clicks to Slack is open');
  const socketConnections = gauge('slack_socket_connections', 'Open sockets of the Slack app, as Slack counts them');
  const inFlight = gauge('wakes_in_flight', 'Wakes in progress');
  const unaccounted = gauge(
    'wakes_unaccounted',
    'Rows without a decision and wakes without an outcome; anything but 0 is a fault',
  );
  const windows = gauge('debounce_windows', 'Open debounce windows');
  const jobs = gauge('queue_jobs', 'Jobs by queue and state', ['queue', 'state']);
  const oldest = gauge('queue_oldest_seconds', 'Age of the oldest waiting job', ['queue']);
  const oldestPending = gauge('oldest_pending_seconds', 'Age of the oldest wake without an outcome');
  const held = gauge('deliveries_held', '1 while all DMs wait, for Slack or for a valid token');
  const problem = gauge('service_problem', '1 while a service that we need fails, by service and kind of problem', [
    'service',
    'kind',
  ]);
  const lag = gauge('tailer_lag_bytes', 'Bytes written but not decided yet; only if the API can read the log', [
    'source',
  ]);
  const committed = gauge('tailer_committed_timestamp_seconds', 'Time of the last committed batch', ['source']);
  const lease = gauge('tailer_lease_held', '1 while a tailer holds the lease of the log', ['source']);
  const missing = gauge('log_missing', '1 while the tailer waits for the log to appear', ['source']);
  const conflict = gauge(
    'log_conflict',
    '1 while a tailer of another host follows a different log under the same path',
    ['source'],
  );
  const spend = gauge('spend_usd', 'Cost of LLM calls in this UTC month', ['route', 'model']);
  const budget = gauge('budget_usd', 'Budget of a UTC month; 0 = no limit');
  const rung = gauge('budget_rung', '1 for the current budget tier', ['rung']);

  async function collect(): Promise<void> {
    const [problems, ingestCounts, account, sources, spent, open, holdMs, pendingMs] = await Promise.all([
      readProblems(redis, keys),
      readIngestCounts(redis, keys),
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
    rows.inc({ decision: 'buffered', reason: '' }, account.buffered);
    rows.inc({ decision: 'muted', reason: '' }, account.muted);
    for (const [reason, n] of Object.entries(account.rejected)) rows.inc({ decision: 'rejected', reason }, n);
    for (const [result, n] of Object.entries(account.recovered)) recovered.inc({ result }, n);
    for (const [outcome, n] of Object.entries(account.outcomes)) ended.inc({ outcome }, n);
    for (const [kind, n] of Object.entries(account.repaired)) repaired.inc({ kind }, n);
    unread.inc(account.unreadLines);
    for (const counts of ingestCounts) {
      for (const result of INGEST_RESULTS) {
        if (counts[result] > 0) ingested.inc({ source: counts.source, result }, counts[result]);
      }
    }
    openings.inc(account.incidents.opened);
    for (const [reason, n] of Object.entries(account.incidents.closed)) closings.inc({ reason }, n);
    openIncidents.set(account.incidents.open);
    acknowledged.inc(account.times.acknowledged);
    untilAcknowledged.inc(account.times.untilAcknowledgedMs / 1_000);
    durations.inc(account.times.durationMs / 1_000);
    flaps.inc(account.times.flaps);
    for (const result of ['sent', 'withdrawn', 'dead'] as const) notices.inc({ result }, account.notices[result]);
    pendingNotices.set(account.notices.pending);
    for (const [verdict, n] of Object.entries(account.feedback)) feedback.inc({ verdict }, n);
    if (socket) {
      socketOpen.set(socket.isConnected ? 1 : 0);
      socketConnections.set(socket.connections);
    }
    inFlight.set(account.inFlight);
    unaccounted.set(account.unaccounted);
    windows.set(open);
    oldestPending.set(pendingMs / 1_000);
    held.set(holdMs > HELD_MS ? 1 : 0);
    for (const { service, kind } of problems) problem.set({ service, kind }, 1);
    for (const source of sources) {
      const label = source.name === '' ? source.path : `${source.path} (${source.name})`;
      if (source.lagBytes !== null) lag.set({ source: label }, source.lagBytes);
      committed.set({ source: label }, source.committedAt / 1_000);
      lease.set({ source: label }, source.holder === null ? 0 : 1);
      missing.set({ source: label }, source.missingSince === null ? 0 : 1);
      conflict.set({ source: label }, source.conflictWith === null ? 0 : 1);
    }
    for (const { route, model, usd } of boundedSpend(spent.entries)) spend.inc({ route, model }, usd);
    // The sum of all labels is the spend that decides the budget tier.
    if (spent.correctedUsd !== 0) spend.inc({ route: 'correction', model: 'correction' }, spent.correctedUsd);
    budget.set(budgetUsd);
    for (const tier of BUDGET_TIERS) rung.set({ rung: tier }, tier === spent.tier ? 1 : 0);
    for (const each of [queue, deliveries]) {
      const [counts, waitingMs] = await Promise.all([countJobs(each), oldestWaitingMs(each, now())]);
      for (const state of JOB_STATES) jobs.set({ queue: each.name, state }, counts[state]);
      oldest.set({ queue: each.name }, (waitingMs ?? 0) / 1_000);
    }
  }

  // One scrape at a time, because all scrapes share the registry.
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

/**
 * Sums the cost by route and model. The name of a model may come from an LLM server, so the number of labels has a limit: the
 * models that cost most have their own, and `other` has the rest.
 */
function boundedSpend(entries: Spend['entries']): Array<{ route: string; model: string; usd: number }> {
  const short = entries.map(({ route, model, usd }) => ({ route, model: shorten(model, MAX_LABEL), usd }));
  const sums = [...Map.groupBy(short, ({ route, model }) => JSON.stringify([route, model])).values()]
    .flatMap(([first, ...rest]) =>
      first ? [{ ...first, usd: rest.reduce((sum, { usd }) => sum + usd, first.usd) }] : [],
    )
    .toSorted((a, b) => b.usd - a.usd);
  const others = sums.slice(MAX_SPEND_LABELS).map(({ usd }) => ({ route: 'other', model: 'other', usd }));
  return [...sums.slice(0, MAX_SPEND_LABELS), ...others];
}
