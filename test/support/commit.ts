/** Commits of wakes and recoveries without a log, for tests of what follows a commit. */
import type { StormRule } from '@kora-wake/shared/policy/policy';
import { commitBatch } from '@kora-wake/shared/store/checkpoint';
import type { FiringChange } from '@kora-wake/shared/store/firing';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { expect } from 'vitest';
import type { Namespace } from './fixtures.ts';

let position = 0;

/** Commits rows as the tailer does: new wakes, and the changes of what fires. @param storm of the policy */
export async function commit(
  ns: Namespace,
  enqueued: Wake[],
  firing: FiringChange[],
  storm?: StormRule,
): Promise<void> {
  const from = (await ns.redis.hget(ns.keys.source('s'), 'position')) ?? '';
  await ns.redis.set(ns.keys.lease('s'), 'token');
  const tally = {
    counters: new Map(),
    enqueued: new Map(enqueued.map((wake) => [wake.id, wake])),
    suppressed: suppressedBy(firing),
    pairRows: new Map(),
    unreadable: [],
    counts: [],
    opened: new Set(enqueued.map(pairOf)),
    firing,
    at: Date.now(),
  };
  const to = String(++position);
  const source = { sourceId: 's', path: '/log', name: '', token: 'token', mayReplay: false, hasIncidents: true, storm };
  expect(await commitBatch(ns.redis, ns.keys, { ...source, from, to, tally })).toBe('committed');
}

function suppressedBy(firing: FiringChange[]) {
  const suppressed = new Map<string, { pair: string; rows: number }>();
  for (const change of firing) {
    if (change.kind !== 'firing' || change.decision !== 'coalesced') continue;
    const { rows } = suppressed.get(change.wakeId) ?? { rows: 0 };
    suppressed.set(change.wakeId, { pair: change.pair, rows: rows + 1 });
  }
  return suppressed;
}

const pairOf = ({ probe, category }: Wake) => debounceId(probe, category);

export const fires = (wake: Wake, isOwn = true): FiringChange => ({
  kind: 'firing',
  pair: pairOf(wake),
  instance: '',
  origin: '',
  isOverflow: false,
  ...(isOwn
    ? {
        decision: 'enqueued',
        wakeId: wake.id,
        isCritical: wake.severity === 'critical',
        severity: wake.severity,
        hasSender: false,
        windowMs: 600_000,
        buffered: 0,
      }
    : { decision: 'coalesced', wakeId: wake.id }),
});

/** Time of each recovery. */
export const AT = Date.parse('2026-11-26T14:03:00Z');
export const recovers = (wake: Wake): FiringChange => ({
  kind: 'recovered',
  pair: pairOf(wake),
  instance: '',
  origin: '',
  at: AT,
  rows: 1,
});
