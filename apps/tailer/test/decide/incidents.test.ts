/** Incidents: how commits, people and time open and close them. */
import { readAccount } from '@kora-wake/shared/store/account';
import { recordFollowed } from '@kora-wake/shared/store/checkpoint';
import { readEvents } from '@kora-wake/shared/store/events';
import {
  actOnIncident,
  expireIncidents,
  type IncidentAction,
  listIncidents,
  readIncident,
  readQueuedRows,
  removeQueuedRows,
  runIncidentClocks,
} from '@kora-wake/shared/store/incidents';
import { readReadiness, readWakeRecord, recordOutcome, withdrawIfOver } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { type Namespace, test } from '../../../../test/support/fixtures.ts';
import { committing, fires, recovers } from '../committing.ts';

const PAIR = { probe: 'fly', category: 'c' };
const OVER = recovers(PAIR);
const MINUTE_MS = 60_000;

/** An incident of one wake with this severity. */
async function opened(ns: Namespace, severity = 'warning') {
  const log = await committing(ns);
  const { ids } = await log.commit([fires({}, { severity })]);
  const wakeId = ids[0] ?? '';
  const id = incidentIdOf(wakeId);
  const read = () => readIncident(ns.redis, ns.keys, id);
  const act = (action: IncidentAction, by = 'ada') => actOnIncident(ns.redis, ns.keys, id, action, by);
  const set = (fields: Record<string, number>) => ns.redis.hset(ns.keys.incident(id), fields);
  const sent = (wake: string) =>
    recordOutcome(ns.redis, ns.keys, {
      wake: { id: wake, ...PAIR },
      outcome: 'diagnosis',
      at: 1,
      posted: { channel: 'D1', ts: `1.${wake.slice(-3)}` },
    });
  return { ...log, id, wakeId, read, act, set, sent };
}

describe('an incident', () => {
  test('opens with the first wake of a pair, and counts the rows of all its wakes', async ({ ns }) => {
    const { commit, id, wakeId, read } = await opened(ns);
    expect(await read()).toMatchObject({
      ...PAIR,
      state: 'firing',
      severity: 'warning',
      opening: 1,
      flaps: 0,
      rows: 1,
      wakes: 1,
      firing: 1,
      lastWakeId: wakeId,
      message: null,
      closedAt: null,
    });
    const { ids } = await commit([fires({}), fires({}), fires({ instance: 'i' }, { severity: 'critical' }), fires({})]);
    expect(await read()).toMatchObject({ severity: 'critical', rows: 5, wakes: 2, firing: 2, lastWakeId: ids[2] });
    expect((await readWakeRecord(ns.redis, ns.keys, ids[2] ?? ''))?.incidentId).toBe(id);
    expect((await listIncidents(ns.redis, ns.keys, { isOpen: true, limit: 10 })).incidents).toHaveLength(1);
  });

  test('is closed by a recovery, which ends the window, and both are rows for the audit log', async ({ ns }) => {
    const { commit, id, wakeId, read } = await opened(ns);
    await commit([fires({})]);
    await commit([OVER]);
    expect(await read()).toMatchObject({ state: 'closed', closeReason: 'recovered', firing: 0 });
    expect(await getWindow(ns, 'fly', 'c')).toBeUndefined();
    const { rows, count } = await readQueuedRows(ns.redis, ns.keys);
    const about = { id, opening: 1, pair: 'fly:c', wakeId };
    expect(rows).toMatchObject([
      { seam: 'incident.opened', details: about },
      { seam: 'incident.closed', details: { ...about, reason: 'recovered', rows: 2 } },
    ]);
    await removeQueuedRows(ns.redis, ns.keys, count);
    expect((await readQueuedRows(ns.redis, ns.keys)).count).toBe(0);
    const { events } = await readEvents(ns.redis, ns.keys, '0-0', 100);
    expect(events.flatMap(({ type }) => (type.startsWith('incident.') ? [type] : []))).toEqual([
      'incident.opened',
      'incident.closed',
    ]);
    expect((await listIncidents(ns.redis, ns.keys, { isOpen: false, limit: 10 })).incidents).toHaveLength(1);
    expect((await listIncidents(ns.redis, ns.keys, { isOpen: true, limit: 10 })).incidents).toEqual([]);
  });

  test('is reopened by a wake within ten minutes; later a wake opens another one', async ({ ns }) => {
    const { commit, read, set } = await opened(ns);
    await commit([OVER, fires({})]);
    expect(await read()).toMatchObject({ state: 'firing', opening: 2, flaps: 1, rows: 2, closedAt: null });
    await commit([OVER]);
    await set({ closedAt: Date.now() - 11 * MINUTE_MS });
    const { ids } = await commit([fires({})]);
    expect(await read()).toMatchObject({ state: 'closed', opening: 2 });
    expect(await readIncident(ns.redis, ns.keys, incidentIdOf(ids[0] ?? ''))).toMatchObject({ opening: 1, rows: 1 });
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({
      incidents: { opened: 3, open: 1, closed: { recovered: 2 } },
      unaccounted: 0,
    });
  });

  test('that flaps notifies once per window, but its first critical wake at once', async ({ ns }) => {
    const { commit, wakeId, sent } = await opened(ns);
    await sent(wakeId);
    const earliest = Date.now() + 590_000;
    const { ids } = await commit([OVER, fires({}), OVER, fires({}, { severity: 'critical' })]);
    expect(
      (await readReadiness(ns.redis, ns.keys, { id: ids[1] ?? '', severity: 'warning' })).notBefore,
    ).toBeGreaterThan(earliest);
    expect((await readReadiness(ns.redis, ns.keys, { id: ids[3] ?? '', severity: 'warning' })).notBefore).toBe(0);
  });

  test('that never notified does not wait after it was reopened', async ({ ns }) => {
    const { commit } = await opened(ns);
    const { ids } = await commit([OVER, fires({})]);
    expect((await readReadiness(ns.redis, ns.keys, { id: ids[1] ?? '', severity: 'warning' })).notBefore).toBe(0);
  });

  test('counts a batch once that is committed twice', async ({ ns }) => {
    const { commit, read } = await opened(ns);
    const { ids } = await commit([OVER, fires({})]);
    await ns.redis.hset(ns.keys.source('s'), 'position', (await ns.redis.hget(ns.keys.source('s'), 'position')) ?? '');
    await commit([fires({})], { mayReplay: true });
    expect(await read()).toMatchObject({ opening: 2, wakes: 2, rows: 3, lastWakeId: ids[1] });
  });
});

describe('a person', () => {
  test('acknowledges, snoozes and resolves an incident; the last action wins', async ({ ns }) => {
    const { act, read } = await opened(ns);
    expect(await act({ kind: 'acknowledge' })).toBe('done');
    expect(await act({ kind: 'acknowledge' })).toBe('unchanged');
    expect(await read()).toMatchObject({ state: 'acknowledged', by: 'ada' });
    expect(await act({ kind: 'snooze', seconds: 3_600 }, 'bob')).toBe('done');
    const snoozed = await read();
    expect(snoozed).toMatchObject({ state: 'snoozed', by: 'bob' });
    expect(snoozed?.snoozedUntil).toBeGreaterThan(Date.now() + 3_500_000);
    expect(await act({ kind: 'acknowledge' })).toBe('done');
    expect(await read()).toMatchObject({ state: 'acknowledged', by: 'ada', snoozedUntil: null });
    expect(await act({ kind: 'resolve' }, 'bob')).toBe('done');
    expect(await read()).toMatchObject({ state: 'closed', closeReason: 'resolved', by: 'bob' });
    for (const kind of ['acknowledge', 'resolve'] as const) expect(await act({ kind })).toBe('closed');
    expect(await actOnIncident(ns.redis, ns.keys, 'i-none', { kind: 'resolve' }, 'ada')).toBe('unknown');
  });

  test('who resolves ends the window and all unsent wakes, also the first critical one', async ({ ns }) => {
    const { act, wakeId } = await opened(ns, 'critical');
    await act({ kind: 'resolve' });
    expect(await getWindow(ns, 'fly', 'c')).toBeUndefined();
    expect(await withdrawIfOver(ns.redis, ns.keys, { id: wakeId, ...PAIR }, 1, false)).toBe('now');
    expect((await readWakeRecord(ns.redis, ns.keys, wakeId))?.recoveredAt).toBeNull();
  });

  test('who acknowledged wants no message of a later wake, if one was sent', async ({ ns }) => {
    const { commit, act, wakeId, sent } = await opened(ns);
    await act({ kind: 'acknowledge' });
    // The wake that has no message yet is sent.
    expect((await readReadiness(ns.redis, ns.keys, { id: wakeId, severity: 'warning' })).quietFor).toBeUndefined();
    await sent(wakeId);
    await ns.redis.del(ns.keys.dedup('fly:c'));
    const { ids } = await commit([fires({})]);
    expect((await readReadiness(ns.redis, ns.keys, { id: ids[0] ?? '', severity: 'warning' })).quietFor).toBe(wakeId);
    expect((await readReadiness(ns.redis, ns.keys, { id: wakeId, severity: 'warning' })).quietFor).toBeUndefined();
  });

  test('who acknowledged is told of the first critical row, which sets the incident to firing', async ({ ns }) => {
    const { commit, act, wakeId, sent, read } = await opened(ns);
    await sent(wakeId);
    await act({ kind: 'acknowledge' });
    const { ids } = await commit([fires({}, { severity: 'critical' })]);
    expect(await read()).toMatchObject({ state: 'firing', by: null });
    await act({ kind: 'acknowledge' });
    expect(
      (await readReadiness(ns.redis, ns.keys, { id: ids[0] ?? '', severity: 'warning' })).quietFor,
    ).toBeUndefined();
  });

  test('who snoozed is told again when the time is up', async ({ ns }) => {
    const { act, read, set } = await opened(ns);
    await act({ kind: 'snooze', seconds: 60 });
    await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0 });
    expect(await read()).toMatchObject({ state: 'snoozed' });
    await set({ snoozedUntil: Date.now() - 1 });
    await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0 });
    expect(await read()).toMatchObject({ state: 'firing', by: null, snoozedUntil: null });
  });
});

describe('an incident without a row for long', () => {
  const limits = { quietMs: 2 * 60 * MINUTE_MS, senderQuietMs: 24 * 60 * MINUTE_MS };
  const expire = (ns: Namespace) => expireIncidents(ns.redis, ns.keys, ['s'], limits);
  const ago = (minutes: number) => Date.now() - minutes * MINUTE_MS;

  /** An incident whose wake was sent, while a tailer has followed the log for a day. */
  async function quiet(ns: Namespace, minutes: number) {
    const incident = await opened(ns);
    await incident.sent(incident.wakeId);
    await recordFollowed(ns.redis, ns.keys, 's', ago(24 * 60));
    await incident.set({ lastRowAt: ago(minutes) });
    await ns.redis.zadd(ns.keys.openIncidents, ago(minutes), incident.id);
    return incident;
  }

  test('expires', async ({ ns }) => {
    const { id, read, set } = await quiet(ns, 119);
    expect(await expire(ns)).toBe(0);
    await set({ lastRowAt: ago(121) });
    await ns.redis.zadd(ns.keys.openIncidents, ago(121), id);
    expect(await expire(ns)).toBe(1);
    expect(await read()).toMatchObject({ state: 'closed', closeReason: 'expired' });
  });

  test('stays open if a tool reported it, which may send an alert only once', async ({ ns }) => {
    const { commit, read } = await quiet(ns, 121);
    await ns.redis.del(ns.keys.dedup('fly:c'));
    const { ids } = await commit([fires({ received_from: 'gatus', instance: 'i' })]);
    await recordOutcome(ns.redis, ns.keys, { wake: { id: ids[0] ?? '', ...PAIR }, outcome: 'fallback', at: 1 });
    const set = async (minutes: number) => {
      const incident = await read();
      await ns.redis.hset(ns.keys.incident(incident?.id ?? ''), 'lastRowAt', ago(minutes));
      await ns.redis.zadd(ns.keys.openIncidents, ago(minutes), incident?.id ?? '');
    };
    await recordFollowed(ns.redis, ns.keys, 's', ago(48 * 60));
    await set(23 * 60);
    expect(await expire(ns)).toBe(0);
    await set(25 * 60);
    expect(await expire(ns)).toBe(1);
  });

  test('stays open while no tailer follows the log, and until it was followed for as long', async ({ ns }) => {
    await quiet(ns, 121);
    await recordFollowed(ns.redis, ns.keys, 's', ago(119));
    expect(await expire(ns)).toBe(0);
    await recordFollowed(ns.redis, ns.keys, 's', ago(122));
    await ns.redis.del(ns.keys.lease('s'));
    expect(await expire(ns)).toBe(0);
    await ns.redis.set(ns.keys.lease('s'), 'other');
    expect(await expire(ns)).toBe(1);
  });

  test('stays open while a wake of it is not sent', async ({ ns }) => {
    const { commit, id } = await quiet(ns, 121);
    await ns.redis.del(ns.keys.dedup('fly:c'));
    const { ids } = await commit([fires({})]);
    await ns.redis.hset(ns.keys.incident(id), 'lastRowAt', ago(200));
    await ns.redis.zadd(ns.keys.openIncidents, ago(200), id);
    expect(await expire(ns)).toBe(0);
    await recordOutcome(ns.redis, ns.keys, { wake: { id: ids[0] ?? '', ...PAIR }, outcome: 'fallback', at: 1 });
    expect(await expire(ns)).toBe(1);
  });
});
