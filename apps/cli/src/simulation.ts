/**
 * What a plan will do, without running it: incidents begin, their probes write rows, windows hold repeats back, workers
 * investigate, Slack takes its one message a second, and the month's budget is spent. A queue with many servers before
 * one with a pace; each wake is followed, rows are counted.
 */
import { TIER_STARTS } from '@kora-wake/shared/wake/budget';

/** Times in ms, money in USD. */
export interface Plan {
  /** Pairs of (probe, category) that are watched. */
  pairs: number;
  /** How often a pair has an incident, a day. */
  incidentsADay: number;
  /** How long one lasts, on average. */
  incidentMs: number;
  /** How often its probe writes a row while it lasts. */
  rowEveryMs: number;
  /** A common cause: this share of all pairs has an incident at one moment of the first day. */
  outageShare: number;
  windowMs: number;
  /** Worker processes, and investigations at once in each. */
  workers: number;
  concurrency: number;
  /** Of one investigation: the median, and how far others stray from it (of the logarithm; 0: not at all). */
  engineMs: number;
  engineSpread: number;
  /** Between two messages to one person. */
  paceMs: number;
  /** From the row to the start of its investigation, and from its end to the post, where nothing waits. */
  overheadMs: number;
  /** 0: no limit. */
  budgetUsd: number;
  /** What an investigation costs below 75 %, from there to 90 %, and above. */
  usd: readonly [normal: number, warn75: number, downshift90: number];
  days: number;
}

export interface Forecast {
  rows: number;
  wakes: number;
  /** Wakes that were told without being investigated, since the money was spent. */
  withoutDiagnosis: number;
  usd: number;
  /** From the row to its DM, ms. */
  toDm: { median: number; p99: number; max: number };
  /** How much of their time workers investigate and the pace of Slack is used, 0 to 1. */
  busy: { workers: number; slack: number };
  /** The most wakes that waited at one moment: for a worker, and for Slack. */
  waiting: { investigations: number; deliveries: number };
}

const DAY_MS = 86_400_000;

/** @param random gives numbers from 0 up to 1, as `Math.random` does */
export function simulate(plan: Plan, random: () => number): Forecast {
  const { wakes, rows } = arrivals(plan, plan.days * DAY_MS, random);
  return { rows, ...follow(wakes, plan, random) };
}

/**
 * Follows wakes to their DMs.
 *
 * @param wakes when each is enqueued, ms from the start, in order
 */
export function follow(
  wakes: number[],
  plan: Omit<Plan, 'pairs' | 'incidentsADay' | 'incidentMs' | 'rowEveryMs' | 'outageShare' | 'windowMs'>,
  random: () => number,
): Omit<Forecast, 'rows'> {
  const servers = new EarliestFirst(plan.workers * plan.concurrency);
  const ready: Array<{ at: number; wokenAt: number }> = [];
  const investigated = { wokenAt: [] as number[], startedAt: [] as number[] };
  let [usd, investigatingMs] = [0, 0];
  for (const wokenAt of wakes) {
    const price = priceAt(plan, usd);
    if (price === undefined) {
      ready.push({ at: wokenAt + plan.overheadMs, wokenAt });
      continue;
    }
    const startedAt = Math.max(wokenAt + plan.overheadMs / 2, servers.earliest());
    const tookMs = plan.engineMs * Math.exp(plan.engineSpread * normal(random));
    servers.replaceEarliest(startedAt + tookMs);
    investigated.wokenAt.push(wokenAt);
    investigated.startedAt.push(startedAt);
    investigatingMs += tookMs;
    usd += price;
    ready.push({ at: startedAt + tookMs + plan.overheadMs / 2, wokenAt });
  }
  ready.sort((a, b) => a.at - b.at);
  let slackFreeAt = 0;
  const posts: number[] = [];
  const toDm: number[] = [];
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
    wakes: wakes.length,
    withoutDiagnosis: wakes.length - investigated.wokenAt.length,
    usd,
    toDm: { median: at(0.5), p99: at(0.99), max: at(1) },
    busy: {
      workers: investigatingMs / (plan.workers * plan.concurrency * endMs),
      slack: (wakes.length * plan.paceMs) / endMs,
    },
    waiting: {
      investigations: mostBetween(investigated.wokenAt, investigated.startedAt),
      deliveries: mostBetween(readyAt, posts),
    },
  };
}

/** When each wake is enqueued, in order, and how many rows there are in all: those within a window are only counted. */
function arrivals(plan: Plan, endMs: number, random: () => number): { wakes: number[]; rows: number } {
  const wakes: number[] = [];
  let rows = 0;
  const outageAt = random() * Math.min(endMs, DAY_MS);
  for (let pair = 0; pair < plan.pairs; pair++) {
    const begins = pair < plan.outageShare * plan.pairs ? [outageAt + random() * plan.rowEveryMs] : [];
    const meanMs = DAY_MS / plan.incidentsADay;
    for (let at = exponential(meanMs, random); at < endMs; at += exponential(meanMs, random)) begins.push(at);
    let [windowEnds, wellAt] = [-Infinity, -Infinity];
    for (const due of begins.toSorted((a, b) => a - b)) {
      // A probe sees one incident at a time.
      const begin = Math.max(due, wellAt);
      const count = 1 + Math.floor(exponential(plan.incidentMs, random) / plan.rowEveryMs);
      rows += count;
      wellAt = begin + count * plan.rowEveryMs;
      for (let row = 0; row < count; ) {
        const at = begin + row * plan.rowEveryMs;
        if (at < windowEnds) {
          // The first row that comes after the window has ended.
          row = Math.ceil((windowEnds - begin) / plan.rowEveryMs);
          continue;
        }
        wakes.push(at);
        windowEnds = at + plan.windowMs;
        row++;
      }
    }
  }
  return { wakes: wakes.sort((a, b) => a - b), rows };
}

/** What the next investigation costs; undefined where there is no money left for it. */
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

/** The most that had come and not gone at one moment. Both in order. */
function mostBetween(come: number[], gone: number[]): number {
  const left = gone.toSorted((a, b) => a - b);
  let [most, next] = [0, 0];
  for (const [i, at] of come.entries()) {
    while (next < left.length && (left[next] ?? Infinity) <= at) next++;
    most = Math.max(most, i + 1 - next);
  }
  return most;
}

/** When each of many servers is free: a heap, the earliest on top. */
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
