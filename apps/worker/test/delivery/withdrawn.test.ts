/** Wakes whose pair recovers before they are sent. */

import { readAccount } from '@kora-wake/shared/store/account';
import { setClaim } from '@kora-wake/shared/store/claims';
import { readEvents } from '@kora-wake/shared/store/events';
import { readIncident } from '@kora-wake/shared/store/incidents';
import { addJoining, readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { AT, commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { reset } from '../../../../test/support/http-double.ts';
import {
  completedRows,
  diagnosis,
  engineOf,
  enqueue,
  messengerTo,
  outcomeIs,
  slack,
  VISIBLE_MS,
  working,
} from '../working.ts';

/** Enqueues a wake and commits its row. */
async function committed(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  const wake = await enqueue(ns, { severity: 'warning', ...more });
  await commit(ns, [wake], [fires(wake)]);
  return wake;
}

describe('a wake whose pair has recovered', () => {
  test('is neither investigated nor sent, and gives its window back', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    await commit(ns, [], [recovers(wake)]);
    const [double, engine] = [await slack(), engineOf(diagnosis)];
    const { log } = working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'withdrawn');
    await log.until('wake.withdrawn');
    await eventually(async () => (await ns.queue.getCompletedCount()) === 1);
    expect([engine.investigations, double.accepted]).toEqual([0, []]);
    expect(await getWindow(ns, wake.probe, wake.category)).toBeUndefined();
    expect(await readWakeRecord(ns.redis, ns.keys, wake.id)).toMatchObject({ recoveredAt: AT, dmStatus: null });
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({
      outcomes: { withdrawn: 1 },
      recovered: { closed: 1 },
      inFlight: 0,
      unaccounted: 0,
    });
    expect(await ns.redis.zcard(ns.keys.pending)).toBe(0);
    const { events } = await readEvents(ns.redis, ns.keys, '0-0', 100);
    expect(events.filter(({ type }) => type === 'wake.withdrawn')).toHaveLength(1);
  });

  test('during the investigation is not sent, and its cost is in the audit log', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    const double = await slack();
    const engine = {
      investigate: async () => {
        await commit(ns, [], [recovers(wake)]);
        return diagnosis;
      },
    };
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'withdrawn');
    expect((await completedRows(logPath))[0]?.details).toMatchObject({ dm_status: 'failed_send', wake_id: wake.id });
    await eventually(async () => (await ns.deliveries.getCompletedCount()) === 1);
    expect(double.accepted).toEqual([]);
    expect(await getWindow(ns, wake.probe, wake.category)).toBeUndefined();
  });

  test('ends as withdrawn also without a Slack token', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    const engine = {
      investigate: async () => {
        await commit(ns, [], [recovers(wake)]);
        return diagnosis;
      },
    };
    working(ns, { engine, auditPath: logPath });
    await outcomeIs(ns, wake, 'withdrawn');
  });

  test('and that is the first critical one is sent and says that it is over', async ({ ns, logPath }) => {
    const wake = await committed(ns, { severity: 'critical' });
    await commit(ns, [], [recovers(wake)]);
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted[0]?.text).toContain('(This is over: recovered 2026-11-26 14:03 UTC.)');
  });

  test('and fires again before it is sent is withdrawn, and the new wake is sent', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    await commit(ns, [], [recovers(wake)]);
    const again = await committed(ns, { probe: wake.probe, category: wake.category });
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, again, 'diagnosis');
    await outcomeIs(ns, wake, 'withdrawn');
    expect(double.accepted).toHaveLength(1);
    expect(double.accepted[0]?.text).not.toContain('over');
    expect(await readIncident(ns.redis, ns.keys, incidentIdOf(wake.id))).toMatchObject({
      state: 'firing',
      opening: 2,
      flaps: 1,
    });
  });

  test('after a post whose answer was lost is looked up, and counts as sent if Slack has it', async ({
    ns,
    logPath,
  }) => {
    const wake = await committed(ns);
    const double = await slack();
    double.next.push(double.acceptThen(reset));
    const messenger = messengerTo(double);
    const { log, clock } = working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath });
    await log.until('delivery.retrying');
    await commit(ns, [], [recovers(wake)]);
    clock.aheadMs = VISIBLE_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('after a post that Slack does not have is withdrawn', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    const claimedAt = Date.now() - VISIBLE_MS;
    await setClaim(ns.redis, ns.keys.wake(wake.id), { claimedAt, firstClaimedAt: claimedAt });
    await commit(ns, [], [recovers(wake)]);
    const double = await slack();
    const engine = engineOf(diagnosis);
    const { log } = working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    expect((await log.until('delivery.looked_up')).found).toBe(false);
    await outcomeIs(ns, wake, 'withdrawn');
    expect([double.accepted, engine.investigations]).toEqual([[], 1]);
  });

  test('starts the older wakes that wait for it', async ({ ns, logPath }) => {
    const older = await enqueue(ns, { severity: 'warning' });
    await ns.queue.remove(older.id);
    await ns.queue.add('wake', { wake: older }, { jobId: older.id, delay: 3_600_000, timestamp: Date.now() - 600_000 });
    await commit(ns, [older], []);
    const newer = await committed(ns, { category: older.category, probe: older.probe });
    await addJoining(ns.redis, ns.keys, newer.id, older.id);
    await commit(ns, [], [recovers(newer)]);
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, newer, 'withdrawn');
    await outcomeIs(ns, older, 'diagnosis');
    expect(double.accepted.map(({ wakeId }) => wakeId)).toEqual([older.id]);
  });

  test('and that a person retries is sent', async ({ ns, logPath }) => {
    const wake = await committed(ns);
    await commit(ns, [], [recovers(wake)]);
    await ns.redis.hset(ns.keys.wake(wake.id), 'retriedAt', 1);
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });
});
