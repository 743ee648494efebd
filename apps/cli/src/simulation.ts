/**
 * Forecasts a plan without running it: incidents begin, their probes write rows, windows hold back repeats, workers
 * investigate, Slack accepts one message a second, and the budget of the month is spent. The model is a queue with several
 * servers, followed by a queue with a fixed pace. Each wake is simulated; repeats are only counted.
 */
import { type Arrival, gatherStorms } from '@kora-wake/backtest/storms';
import { afterWake, decideRow, NEW_PAIR, type PairState } from '@kora-wake/shared/policy/decide';
import type { StormRule } from '@kora-wake/shared/policy/policy';
import type { Rule } from '@kora-wake/shared/policy/rules';
import { type RowSettings, settingsOf } from '@kora-wake/shared/policy/settings';
import { TIER_STARTS } from '@kora-wake/shared/wake/budget';
import { debounceId } from '@kora-wake/shared/wake/pair';

/** Times in ms, money in USD. */
export interface Plan {
  /** Number of (probe, category) pairs. */
  pairs: number;
  /** Incidents of one pair per day. */
  incidentsADay: number;
  /** Mean length of an incident. */
  incidentMs: number;
  /** Time between two rows of an incident. */
  rowEveryMs: number;
  /** Share of all pairs, 0 to 1, that fail together once, on the first day. */
  outageShare: number;
  windowMs: number;
  /** When wakes become one digest. Undefined: never. */
  storm?: StormRule | undefined;
  /** Rules of a policy. The pairs are `probe-0`, `probe-1`, … with the category `simulated` and the severity `warning`. */
  rules: Rule[];
  /** Worker processes, and simultaneous investigations in each. */
  workers: number;
  concurrency: number;
  /** Length of an investigation: the median, and the standard deviation of its logarithm. */
  engineMs: number;
  engineSpread: number;
  /** Time between two messages to one person. */
  paceMs: number;
  /** Time that a wake takes besides its investigation if nothing waits: half before it, half after it. */
  overheadMs: number;
  /** 0: no limit. */
  budgetUsd: number;
  /** Cost of an investigation below 75 % of the budget, from 75 % to 90 %, and above. */
  usd: readonly [normal: number, warn75: number, downshift90: number];
  days: number;
}

export interface Forecast {
  rows: number;
  wakes: number;
  /** Wakes that were sent without an investigation, because the budget was spent. */
  withoutDiagnosis: number;
  /** Storms, and the wakes that only their digests name. */
  storms: number;
  digested: number;
  usd: number;
  /** Time from the row to its DM, ms. */
  toDm: { median: number; p99: number; max: number };
  /** Utilization of the workers and of Slack's pace, 0 to 1. */
  busy: { workers: number; slack: number };
  /** Largest number of wakes that waited at one time: for a worker, and for Slack. */
  waiting: { investigations: number; deliveries: number };
}

const DAY_MS = 86_400_000;
/** An incident ends after this silence, ms. */
const QUIET_MS = 7_200_000;
/** The simulation begins on a Monday at 00:00 UTC, ms since the epoch. */
const MONDAY = Date.UTC(2026, 0, 5);

/** @param random returns numbers from 0 to below 1, as `Math.random` does */
export function simulate(plan: Plan, random: () => number): Forecast {
  const { wakes, rows } = arrivals(plan, plan.days * DAY_MS, random);
  const gathered = plan.storm && gatherStorms(wakes, plan.storm, plan.engineMs + plan.overheadMs);
  const single = wakes.filter((wake) => !gathered?.members.has(wake)).map(({ at }) => at);
  return { rows, ...simulateWakes(single, plan, random, gathered) };
}

/**
 * Simulates wakes from their enqueueing to their DMs.
 *
 * @param wakes times of enqueueing, ms from the start, ascending
 * @param digests begins of storms, each with an investigation but no message of this pace, and the times of their members to a message
 */
export function simulateWakes(
  wakes: number[],
  plan: Omit<Plan, 'pairs' | 'incidentsADay' | 'incidentMs' | 'rowEveryMs' | 'outageShare' | 'windowMs' | 'rules'>,
  random: () => number,
  digests: { storms: number[]; toDigest: number[] } = { storms: [], toDigest: [] },
): Omit<Forecast, 'rows'> {
  const servers = new EarliestFirst(plan.workers * plan.concurrency);
  const ready: Array<{ at: number; wokenAt: number }> = [];
  const investigated = { wokenAt: [] as number[], startedAt: [] as number[] };
  let [usd, investigatingMs] = [0, 0];
  let withoutDiagnosis = 0;
  const serve = (wokenAt: number, isSent: boolean): void => {
    const price = priceAt(plan, usd);
    if (price === undefined) {
      if (isSent) ready.push({ at: wokenAt + plan.overheadMs, wokenAt });
      withoutDiagnosis++;
      return;
    }
    const startedAt = Math.max(wokenAt + plan.overheadMs / 2, servers.earliest());
    const tookMs = plan.engineMs * Math.exp(plan.engineSpread * normal(random));
    servers.replaceEarliest(startedAt + tookMs);
    investigated.wokenAt.push(wokenAt);
    investigated.startedAt.push(startedAt);
    investigatingMs += tookMs;
    usd += price;
    if (isSent) ready.push({ at: startedAt + tookMs + plan.overheadMs / 2, wokenAt });
  };
  const storms = [...digests.storms];
  for (const wokenAt of wakes) {
    while (storms[0] !== undefined && storms[0] <= wokenAt) serve(storms.shift() ?? 0, false);
    serve(wokenAt, true);
  }
  for (const begin of storms) serve(begin, false);
  ready.sort((a, b) => a.at - b.at);
  let slackFreeAt = 0;
  const posts: number[] = [];
  const toDm = [...digests.toDigest];
  for (const { at, wokenAt } of ready) {
    const postedAt = Math.max(at, slackFreeAt);
    slackFreeAt = postedAt + plan.paceMs;
    posts.push(postedAt);
    toDm.push(postedAt - wokenAt);
  }
  toDm.sort((a, b) => a - b);
  const at = (share: number) => toDm[Math.min(toDm.length - 1, Math.floor(share * toDm.length))] ?? 0;
  const readyAt = ready.map((each) => each.at);
  const endMs = plan.days * DAY_MS;
  return {
    wakes: wakes.length + digests.toDigest.length,
    withoutDiagnosis,
    storms: digests.storms.length,
    digested: digests.toDigest.length,
    usd,
    toDm: { median: at(0.5), p99: at(0.99), max: at(1) },
    busy: {
      workers: investigatingMs / (plan.workers * plan.concurrency * endMs),
      slack: (ready.length * plan.paceMs) / endMs,
    },
    waiting: {
      investigations: maxPresent(investigated.wokenAt, investigated.startedAt),
      deliveries: maxPresent(readyAt, posts),
    },
  };
}

/** The wakes in the order of their time, and the number of all rows. */
function arrivals(plan: Plan, endMs: number, random: () => number): { wakes: Arrival[]; rows: number } {
  const wakes: Arrival[] = [];
  let rows = 0;
  const outageAt = random() * Math.min(endMs, DAY_MS);
  const { windowMs } = plan;
  const settings = settingsOf(plan.rules, { windowMs, consecutive: 1, bypassCritical: false });
  for (let pair = 0; pair < plan.pairs; pair++) {
    const begins = pair < plan.outageShare * plan.pairs ? [outageAt + random() * plan.rowEveryMs] : [];
    const meanMs = DAY_MS / plan.incidentsADay;
    for (let at = exponential(meanMs, random); at < endMs; at += exponential(meanMs, random)) begins.push(at);
    const ofPair = settings.ofPair(debounceId(`probe-${pair}`, 'simulated')).of('warning');
    const rowsOfPair = pairWakes(plan, ofPair, (at) => wakes.push({ at, pair }));
    let recoveredAt = -Infinity;
    for (const due of begins.toSorted((a, b) => a - b)) {
      // A probe reports one incident at a time.
      const begin = Math.max(due, recoveredAt);
      const count = 1 + Math.floor(exponential(plan.incidentMs, random) / plan.rowEveryMs);
      rows += count;
      recoveredAt = begin + count * plan.rowEveryMs;
      rowsOfPair(begin, count);
    }
  }
  return { wakes: wakes.sort((a, b) => a.at - b.at), rows };
}

/** Returns a function that decides the rows of an incident of one pair, and calls `wake` with the time of each of its wakes. */
function pairWakes({ rowEveryMs }: Plan, settings: RowSettings, wake: (at: number) => void) {
  let state: PairState = NEW_PAIR;
  let [windowEnds, countEnds, lastRowAt] = [-Infinity, -Infinity, -Infinity];
  return (begin: number, count: number): void => {
    for (let row = 0; row < count; ) {
      const at = begin + row * rowEveryMs;
      if (at < windowEnds) {
        // Continue with the first row after the end of the window.
        row = Math.ceil((windowEnds - begin) / rowEveryMs);
        continue;
      }
      const before = row > 0 ? at - rowEveryMs : lastRowAt;
      const isOpen = at < before + Math.max(QUIET_MS, settings.windowMs);
      const buffered = at < countEnds ? state.buffered : 0;
      state = { ...NEW_PAIR, buffered, wakes: isOpen ? state.wakes : undefined };
      const decision = decideRow('warning', settings, state, { now: MONDAY + at, hasIncidents: true });
      row++;
      if (decision.kind === 'enqueued') {
        wake(at);
        state = afterWake(state, { id: 'w', severity: 'warning' }, decision.windowMs, true);
        windowEnds = at + decision.windowMs;
      } else if (decision.kind === 'buffered') {
        if (buffered === 0) countEnds = at + decision.forMs;
        state = { ...NEW_PAIR, buffered: decision.rows, wakes: state.wakes };
      }
    }
    lastRowAt = begin + (count - 1) * rowEveryMs;
  };
}

/** Cost of the next investigation in USD; undefined if the rest of the budget is too small. */
function priceAt({ budgetUsd, usd }: Pick<Plan, 'budgetUsd' | 'usd'>, spent: number): number | undefined {
  if (budgetUsd === 0) return usd[0];
  const step = [TIER_STARTS.warn_75, TIER_STARTS.downshift_90].filter((share) => spent >= share * budgetUsd).length;
  return usd.slice(step).find((price) => spent + price <= budgetUsd);
}

function exponential(mean: number, random: () => number): number {
  return mean === Infinity ? Infinity : -Math.log(1 - random()) * mean;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Largest number of items present at one time. @param come times of arrival @param gone times of departure */
function maxPresent(come: number[], gone: number[]): number {
  const left = gone.toSorted((a, b) => a - b);
  let [most, next] = [0, 0];
  for (const [i, at] of come.entries()) {
    while (next < left.length && (left[next] ?? Infinity) <= at) next++;
    most = Math.max(most, i + 1 - next);
  }
  return most;
}

/** The times at which servers become free, in a heap with the earliest on top. */
class EarliestFirst {
  readonly #at: number[];

  constructor(servers: number) {
    this.#at = Array.from({ length: servers }, () => 0);
  }

  earliest(): number {
    return this.#at[0] ?? Infinity;
  }

  replaceEarliest(at: number): void {
    const heap = this.#at;
    let here = 0;
    for (;;) {
      const [left, right] = [2 * here + 1, 2 * here + 2];
      const child = (heap[right] ?? Infinity) < (heap[left] ?? Infinity) ? right : left;
      const value = heap[child];
      if (value === undefined || value >= at) break;
      heap[here] = value;
      here = child;
    }
    heap[here] = at;
  }
}
