/** Commits of rows at any time, and sums, for tests of the statistics. */
import { commitBatch } from '@kora-wake/shared/store/checkpoint';
import { readStatsByHour } from '@kora-wake/shared/store/stats';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { expect } from 'vitest';
import { aWake, type Namespace } from './fixtures.ts';

/** The sums of all pairs and hours since yesterday, by the names of store/stats.ts; without those that are 0. */
export async function statsSums({ redis, keys }: Namespace): Promise<Record<string, number>> {
  const sums = new Map<string, number>();
  const now = Date.now();
  await readStatsByHour(redis, keys, { from: now - 86_400_000, to: now }, (name, amount) => {
    sums.set(name, (sums.get(name) ?? 0) + amount);
  });
  return Object.fromEntries([...sums].filter(([, sum]) => sum !== 0));
}

interface Rows {
  probe?: string;
  category?: string;
  wakes?: number;
  /** Coalesced into a wake of an earlier commit. */
  suppressed?: number;
  buffered?: number;
  muted?: number;
}

let commits = 0;

/**
 * Commits rows of pairs as a tailer does at a time.
 *
 * @param at ms since the epoch @param replayed a wake of an earlier commit, whose row is read again @returns the new wakes
 */
export async function commitRows(ns: Namespace, at: number, pairs: Rows[], replayed?: Wake): Promise<Wake[]> {
  const n = ++commits;
  const named = pairs.map((rows) => ({ probe: 'fly', category: 'down', ...rows }));
  const wakes = named.flatMap(({ probe, category, wakes: count = 0 }, pair) =>
    Array.from({ length: count }, (_, i) => aWake({ id: `w-${n}-${pair}-${i}`, probe, category })),
  );
  const id = ({ probe, category }: { probe: string; category: string }) => debounceId(probe, category);
  const suppressed = named.flatMap(({ suppressed: rows = 0, ...pair }, i) =>
    rows > 0 ? [[`w-earlier-${i}`, { pair: id(pair), rows }] as const] : [],
  );
  await ns.redis.set(ns.keys.lease('s'), 'token');
  const from = (await ns.redis.hget(ns.keys.source('s'), 'position')) ?? '';
  const tally = {
    counters: new Map(),
    enqueued: new Map([...wakes, ...(replayed ? [replayed] : [])].map((wake) => [wake.id, wake])),
    suppressed: new Map(suppressed),
    pairRows: new Map(named.map((rows) => [id(rows), { buffered: rows.buffered ?? 0, muted: rows.muted ?? 0 }])),
    unreadable: [],
    counts: [],
    opened: new Set<string>(),
    firing: [],
    at,
  };
  const source = { sourceId: 's', path: '/log', name: '', token: 'token', mayReplay: false };
  expect(await commitBatch(ns.redis, ns.keys, { ...source, from, to: String(n), tally })).toBe('committed');
  return wakes;
}
