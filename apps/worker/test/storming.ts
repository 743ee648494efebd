/** Storms with real workers, for the tests of their messages. */
import { readAccount } from '@kora-wake/shared/store/account';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { expect } from 'vitest';
import { commit, fires } from '../../../test/support/commit.ts';
import { namesIn, pairName } from '../../../test/support/digests.ts';
import { eventually, type Namespace } from '../../../test/support/fixtures.ts';
import { enqueue } from './working.ts';

export const RULE = { pairs: 8, withinMs: 60_000 };

/** New wakes of as many pairs, in one commit. */
export async function alerts(ns: Namespace, count: number, more: Partial<Wake> = {}, rule = RULE): Promise<Wake[]> {
  const wakes: Wake[] = [];
  for (let i = 0; i < count; i++) wakes.push(await enqueue(ns, { severity: 'warning', ...more }));
  await commit(
    ns,
    wakes,
    wakes.map((wake) => fires(wake)),
    rule,
  );
  return wakes;
}

/** A further wake of a pair, after its window. */
export async function repeat(ns: Namespace, { probe, category, severity }: Wake, id: string): Promise<Wake> {
  await ns.redis.del(ns.keys.dedup(debounceId(probe, category)));
  const wake = await enqueue(ns, { probe, category, severity, id });
  await commit(ns, [wake], [fires(wake)], RULE);
  return wake;
}

export const stormIdOf = (wake: Wake | undefined) => (wake?.id ?? '').replace(/^w-/, 's-');
export const account = (ns: Namespace) => readAccount(ns.redis, ns.keys);
export const outcomes = async (ns: Namespace) => (await account(ns)).outcomes;

/** Waits until no wake is in progress, then expects a complete account. */
export async function settled(ns: Namespace) {
  await eventually(async () => {
    const { inFlight, notices } = await account(ns);
    return inFlight === 0 && notices.pending === 0;
  });
  expect((await account(ns)).unaccounted).toBe(0);
}

export const named = (texts: string[], wakes: Wake[]) => wakes.filter((wake) => namesIn(texts).has(pairName(wake)));
