/** Compares the recoveries of a log, decided in batches and committed, with a short model of the contract. */

import { readAccount } from '@kora-wake/shared/store/account';
import { readEvents } from '@kora-wake/shared/store/events';
import { actOnIncident } from '@kora-wake/shared/store/incidents';
import { recordOutcome, withdrawIfOver } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { namespace, recoveredRow, removeNamespace, test } from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { committing, fires, NOW, recovers } from '../committing.ts';

interface Step {
  fires: boolean;
  pair: 'a' | 'b';
  instance: '' | 'i' | 'j';
  /** The recovery names its pair only by its sender. */
  bySender: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  fires: fc.boolean(),
  pair: fc.constantFrom('a' as const, 'b' as const),
  instance: fc.constantFrom('' as const, 'i' as const, 'j' as const),
  bySender: fc.boolean(),
});

function rowOfStep({ fires: isFiring, pair, instance, bySender }: Step, i: number): string {
  const about = { ...(instance !== '' && { instance: `${pair}${instance}` }), received_from: 'alertmanager' };
  if (isFiring) return fires({ probe: pair, ...about }, { title: `row ${i}` });
  return recovers({ ...about, ...(!(bySender && instance !== '') && { probe: pair, category: 'c' }) });
}

/** The results and the marked wakes that the contract demands while no wake is sent. A recovery ends the window. */
function expected(steps: Step[], windowMs: number) {
  const counts = { closed: 0, partial: 0, ignored: 0 };
  const pairs = { a: newPair(), b: newPair() };
  const marked = new Set<number>();
  for (const [i, { fires: isFiring, pair, instance }] of steps.entries()) {
    const state = pairs[pair];
    if (isFiring) {
      state.firing.add(instance);
      const wake = windowMs > 0 ? (state.holder ??= i) : i;
      state.wakes.add(wake);
      continue;
    }
    const wasFiring = instance === '' ? state.firing.size > 0 : state.firing.delete(instance);
    if (instance === '') state.firing.clear();
    if (!wasFiring) counts.ignored++;
    else if (state.firing.size > 0) counts.partial++;
    else {
      counts.closed++;
      for (const wake of state.wakes) marked.add(wake);
      state.wakes.clear();
      state.holder = undefined;
    }
  }
  return { counts, marked: [...marked].toSorted((a, b) => a - b) };
}

function newPair() {
  return { firing: new Set<string>(), wakes: new Set<number>(), holder: undefined as number | undefined };
}

describe('recoveries', () => {
  test('are counted and mark wakes in the order of their rows, in any batches', { timeout: 180_000 }, async () => {
    await assertBounded(
      fc.asyncProperty(
        fc.array(step, { maxLength: 24 }),
        fc.array(fc.nat(24), { maxLength: 3 }),
        fc.constantFrom(0, 600_000),
        fc.boolean(),
        async (steps, cuts, windowMs, mayReplay) => {
          const ns = await namespace();
          try {
            const log = await committing(ns, { debounce: { windowMs } });
            const places = [0, ...cuts.filter((cut) => cut < steps.length).toSorted((a, b) => a - b), steps.length];
            const ids: string[] = [];
            for (const [n, end] of places.slice(1).entries()) {
              const rows = steps.slice(places[n], end).map((each, i) => rowOfStep(each, (places[n] ?? 0) + i));
              ids.push(...(await log.commit(rows, { mayReplay })).ids);
            }
            const marks = await Promise.all(ids.map(log.isMarked));
            const marked = marks.flatMap((isMarked, i) => (isMarked ? [i] : []));
            expect({ counts: await log.recovered(), marked }).toEqual(expected(steps, windowMs));
            const { incidents, ...account } = await readAccount(ns.redis, ns.keys);
            expect(incidents.closed).toEqual({ recovered: account.recovered.closed, resolved: 0, expired: 0 });
            expect(account.unaccounted).toBe(0);
          } finally {
            await removeNamespace(ns);
          }
        },
      ),
      'recoveries in batches',
      300,
    );
  });

  test('without an instance end all instances, and rows without one end only so', async ({ ns }) => {
    const log = await committing(ns);
    await log.commit([fires({ instance: 'i' }), fires({})]);
    await log.commit([recovers({ probe: 'fly', category: 'c', instance: 'i' })]);
    expect(await log.recovered()).toEqual({ closed: 0, partial: 1, ignored: 0 });
    await log.commit([recovers({ probe: 'fly', category: 'c', instance: 'j' })]);
    expect(await log.recovered()).toEqual({ closed: 0, partial: 1, ignored: 1 });
    await log.commit([recovers({ probe: 'fly', category: 'c' })]);
    expect(await log.recovered()).toEqual({ closed: 1, partial: 1, ignored: 1 });
    const { events } = await readEvents(ns.redis, ns.keys, '0-0', 100);
    expect(events.filter(({ type }) => type === 'pair.recovered')).toMatchObject([
      { data: { probe: 'fly', category: 'c' } },
    ]);
  });

  test('without a pair end the instance in each pair that its sender has named', async ({ ns }) => {
    const log = await committing(ns);
    const about = { instance: 'i', received_from: 'events-v2' };
    const rows = ['disk db1', 'disk', 'disk db2'].map((category) => fires(about, { category }));
    const { ids } = await log.commit(rows);
    await log.commit([recovers({ probe: 'fly', category: 'disk', ...about })]);
    await log.commit([recovers(about), recovers(about)]);
    expect(await Promise.all(ids.map(log.isMarked))).toEqual([true, true, true]);
    expect(await log.recovered()).toEqual({ closed: 2, partial: 0, ignored: 1 });
  });

  test('of a pair with more than a thousand instances need one without an instance', async ({ ns }) => {
    const log = await committing(ns);
    const rows = Array.from({ length: 1_005 }, (_, i) => fires({ instance: `i${i}` }));
    await log.commit(rows.slice(0, 700));
    await log.commit(rows.slice(700));
    const own = (i: number) => recovers({ probe: 'fly', category: 'c', instance: `i${i}` });
    await log.commit(rows.map((_, i) => own(i)));
    expect(await log.recovered()).toEqual({ closed: 0, partial: 1_005, ignored: 0 });
    await log.commit([recovers({ probe: 'fly', category: 'c' })]);
    expect((await log.recovered()).closed).toBe(1);
  });

  test('are not stale, and a rejected row does not fire', async ({ ns }) => {
    const log = await committing(ns);
    const old = new Date(NOW - 24 * 3_600_000).toISOString();
    await log.commit([fires({}, { emittedAt: old }), recovers({ probe: 'fly', category: 'c' })]);
    expect(await log.recovered()).toEqual({ closed: 0, partial: 0, ignored: 1 });
    await log.commit([fires({}), recoveredRow({ probe: 'fly', category: 'c' }, old)]);
    expect((await log.recovered()).closed).toBe(1);
  });

  test('that name no pair are unreadable lines', async ({ ns }) => {
    const log = await committing(ns);
    const rows = ['{"seam":"probe.recovered","details":"none"}', recovers({ instance: 'i' }), recovers({})];
    const { decided } = await log.commit(rows);
    expect(decided.unreadable.map(({ reason }) => reason)).toEqual(['malformed', 'malformed', 'malformed']);
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 0, unreadLines: 3, unaccounted: 0 });
  });

  test('show at the newest wake although it was sent, and not at older ones', async ({ ns }) => {
    const log = await committing(ns, { debounce: { windowMs: 0 } });
    const { ids } = await log.commit([fires({}, { title: 'older' }), fires({}, { title: 'newer' })]);
    const wakes = ids.map((id) => ({ id, probe: 'fly', category: 'c' }));
    for (const wake of wakes) await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: 1 });
    await log.commit([recovers({ probe: 'fly', category: 'c' })]);
    expect(await Promise.all(ids.map(log.isMarked))).toEqual([false, true]);
    for (const wake of wakes) expect(await withdrawIfOver(ns.redis, ns.keys, wake, 2, false)).toBeUndefined();
  });

  test('do not withdraw the first critical wake, only the later ones', async ({ ns }) => {
    const log = await committing(ns, { debounce: { windowMs: 0 } });
    const rows = ['warning', 'critical', 'critical'].map((severity) => fires({}, { severity, title: severity }));
    const { ids } = await log.commit([...rows, recovers({ probe: 'fly', category: 'c' })]);
    const ended = await Promise.all(
      ids.slice(0, 3).map((id) => withdrawIfOver(ns.redis, ns.keys, { id, probe: 'fly', category: 'c' }, NOW, false)),
    );
    expect(ended).toEqual(['now', undefined, 'now']);
  });

  test('of storms are few changes', async ({ ns }) => {
    const log = await committing(ns);
    const rows = [
      ...Array.from({ length: 5_000 }, (_, i) => fires({ instance: `i${i % 10}` })),
      ...Array.from({ length: 5_000 }, () => recovers({ probe: 'fly', category: 'c' })),
    ];
    const { decided } = await log.commit(rows);
    expect(decided.firing).toHaveLength(11);
    expect(await log.recovered()).toEqual({ closed: 1, partial: 0, ignored: 4_999 });
  });

  test.for(['recovered', 'resolved'])(
    'and a row that is coalesced into a wake whose incident is %s meanwhile becomes a wake of its own',
    async (how, { ns }) => {
      const log = await committing(ns);
      const { ids } = await log.commit([fires({})]);
      // Between the decision and the commit: another tailer commits a recovery, or a person resolves the incident.
      const between = async () => {
        const end =
          how === 'recovered'
            ? (await committing(ns, { name: 'other' })).commit([recovers({ probe: 'fly', category: 'c' })])
            : actOnIncident(ns.redis, ns.keys, incidentIdOf(ids[0] ?? ''), { kind: 'resolve' }, 'ada');
        await end;
      };
      const again = fires({}, { title: 'again' });
      expect((await log.commit([again], { between })).result).toBe('outdated');
      const { result, decided } = await log.commit([again], { mayReplay: true });
      expect(result).toBe('committed');
      expect(decided.enqueued.map(({ title }) => title)).toEqual(['again']);
      expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ rows: 2, enqueued: 2, coalesced: 0 });
    },
  );
});
