/** The hold: only the first critical alert of an incident is sent. */
import { setHold } from '@kora-wake/shared/store/hold';
import { readIncident } from '@kora-wake/shared/store/incidents';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { commit, recovers } from '../../../../test/support/commit.ts';
import { eventually, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { committed, keeping, sent } from '../keeping.ts';
import { outcomeIs } from '../working.ts';

describe('a hold', () => {
  const hold = (ns: Namespace, seconds: number) => setHold(ns.redis, ns.keys, seconds, 'ada');

  test('lets the first critical alert of an incident through, and keeps the others until it ends', async ({
    ns,
    logPath,
  }) => {
    const { double, engine } = await keeping(ns, logPath);
    await hold(ns, 600);
    const warning = await committed(ns, { category: 'warn', severity: 'warning' });
    const critical = await committed(ns, { category: 'crit', severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    await eventually(async () => (await ns.deliveries.getDelayedCount()) === 1);
    expect(double.accepted.map(({ wakeId }) => wakeId)).toEqual([critical.id]);
    expect(engine.investigations).toBe(2);
    await hold(ns, 0);
    await outcomeIs(ns, warning, 'diagnosis');
    expect(await ns.redis.scard(ns.keys.heldJobs)).toBe(0);
    expect(engine.investigations).toBe(2);
  });

  test('ends wakes of an incident with a message as joined, and those of a closed one as withdrawn', async ({
    ns,
    logPath,
  }) => {
    const { wake, double } = await sent(ns, logPath);
    await hold(ns, 600);
    const again = await committed(ns, { severity: 'warning' });
    await outcomeIs(ns, again, 'joined');
    expect((await readWakeRecord(ns.redis, ns.keys, again.id))?.joinedInto).toBe(wake.id);
    const other = await committed(ns, { category: 'other', severity: 'warning' });
    await eventually(async () => (await ns.deliveries.getDelayedCount()) === 1);
    await commit(ns, [], [recovers(other)]);
    await hold(ns, 0);
    await outcomeIs(ns, other, 'withdrawn');
    expect(double.accepted).toHaveLength(1);
  });

  test('starts all that waited, however many there are', async ({ ns, logPath }) => {
    await ns.redis.sadd(ns.keys.heldJobs, ...Array.from({ length: 2_000 }, (_, i) => `deliver-gone-${i}`));
    await keeping(ns, logPath);
    await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 0);
  });

  test('lets a first critical wake through that a newer one stands for', async ({ ns, logPath }) => {
    const { clock, double } = await keeping(ns, logPath);
    await hold(ns, 3_600);
    await ns.queue.pause();
    const wakes = [await committed(ns), await committed(ns)];
    clock.aheadMs += 6 * 60_000;
    await ns.queue.resume();
    await eventually(() => double.accepted.length === 1);
    for (const wake of wakes) await eventually(() => ns.redis.hexists(ns.keys.wake(wake.id), 'outcome').then(Boolean));
    expect(double.accepted).toHaveLength(1);
  });

  test('does not make an older wake the newest message', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    await hold(ns, 600);
    const warning = await committed(ns, { severity: 'warning' });
    await eventually(async () => (await ns.deliveries.getDelayedCount()) === 1);
    const critical = await committed(ns, { severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    await hold(ns, 0);
    await eventually(() => ns.redis.hexists(ns.keys.wake(warning.id), 'outcome').then(Boolean));
    const incident = await readIncident(ns.redis, ns.keys, incidentIdOf(warning.id));
    expect(incident?.messageOf).toBe(critical.id);
    expect(double.accepted.map(({ wakeId }) => wakeId)[0]).toBe(critical.id);
  });

  test('ends by itself', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    await ns.redis.hset(ns.keys.hold, { startedAt: Date.now(), until: Date.now() + 1_500, heldMs: 0, by: 'ada' });
    const warning = await committed(ns, { severity: 'warning' });
    await outcomeIs(ns, warning, 'diagnosis');
  });
});
