/** Incidents: listed, shown, acknowledged, snoozed and resolved over HTTP. */
import { listChanged } from '@kora-wake/shared/store/incidents';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../test/support/commit.ts';
import { aWake, type Namespace, test } from '../../../test/support/fixtures.ts';
import type { Incident } from '../src/contract.ts';
import { api, report } from './api.ts';

let made = 0;

async function incident(ns: Namespace, more: Parameters<typeof aWake>[0] = {}) {
  const wake = aWake({ id: `w-${++made}`, probe: 'fly', category: `c${made}`, severity: 'warning', ...more });
  await commit(ns, [wake], [fires(wake)]);
  return { wake, id: incidentIdOf(wake.id) };
}

async function incidents(ns: Namespace) {
  const { app, written } = await api(ns);
  const list = async (query = '') => (await app.inject(`/v1/incidents${query}`)).json();
  const ids = async (query = '') => (await list(query)).entries.map(({ id }: { id: string }) => id);
  const one = async (id: string) => (await app.inject(`/v1/incidents/${id}`)).json();
  const post = (path: string, payload?: object) =>
    app.inject({ method: 'POST', url: `/v1/incidents/${path}`, ...(payload && { payload }) });
  return { app, written, list, ids, one, post };
}

describe('incidents', () => {
  test('are listed by state and filters, the newest first, in pages', async ({ ns }) => {
    const a = await incident(ns, { probe: 'vercel', severity: 'critical' });
    const b = await incident(ns);
    const c = await incident(ns, { category: 'Deploys' });
    await commit(ns, [], [recovers(c.wake)]);
    const { list, ids } = await incidents(ns);
    expect(await list()).toMatchObject({ entries: [{ id: b.id, state: 'firing' }, { id: a.id }], nextCursor: null });
    expect(await ids('?state=closed')).toEqual([c.id]);
    expect(await ids('?state=all')).toEqual([c.id, b.id, a.id]);
    expect(await ids('?state=all&q=deploy')).toEqual([c.id]);
    expect(await ids('?probe=vercel')).toEqual([a.id]);
    expect(await ids('?severity=critical')).toEqual([a.id]);
    const page = await list('?state=all&limit=2');
    expect(page.entries).toHaveLength(2);
    expect(await ids(`?state=all&limit=2&cursor=${page.nextCursor}`)).toEqual([a.id]);
    expect((await list('?state=open&limit=2')).nextCursor).toBeNull();
    expect(await list('?state=none')).toMatchObject({ statusCode: 400 });
  });

  test('show their wakes, their message, and how they ended', async ({ ns }) => {
    const { wake, id } = await incident(ns);
    const posted = { channel: 'D1', ts: '1732600000.0001' };
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: Date.now(), posted });
    await commit(ns, [], [recovers(wake)]);
    const { app, one } = await incidents(ns);
    expect(await one(id)).toMatchObject({
      id,
      state: 'closed',
      closeReason: 'recovered',
      rows: 1,
      wakes: 1,
      firing: 0,
      message: { ...posted, permalink: 'https://slack.com/archives/D1/p17326000000001' },
      history: [{ wakeId: wake.id, outcome: 'diagnosis', incidentId: id }],
    });
    for (const odd of ['i-none', `${id}:older`, 'w-1']) {
      expect((await app.inject(`/v1/incidents/${odd}`)).json().message).toMatch(/^There is no incident with this id/);
    }
    expect((await app.inject('/v1/account')).json()).toMatchObject({
      incidents: { opened: 1, open: 0, closed: { recovered: 1 } },
      unaccounted: 0,
    });
    const metrics = (await app.inject('/metrics')).body;
    for (const line of [
      'kora_incidents_opened_total 1',
      'kora_incidents_closed_total{reason="recovered"} 1',
      'kora_incidents_open 0',
    ]) {
      expect(metrics).toContain(line);
    }
  });

  test('in a storm are acted on together, and judged as one', async ({ ns }) => {
    const wakes = Array.from({ length: 8 }, (_, i) => aWake({ id: `w-storm-${i}`, probe: `host-${i}` }));
    await commit(
      ns,
      wakes,
      wakes.map((wake) => fires(wake)),
      { pairs: 8, withinMs: 60_000 },
    );
    const { app, written, list, post } = await incidents(ns);
    const id = 'i-storm-3';
    expect((await post(`${id}/snooze?storm=true`, { seconds: 3_600 })).json()).toMatchObject({ state: 'snoozed' });
    const { entries } = await list();
    expect(entries.map(({ state, stormId }: Incident) => [state, stormId])).toEqual(
      wakes.map(() => ['snoozed', 's-storm-7']),
    );
    expect((await post(`${id}/acknowledge`)).json()).toMatchObject({ state: 'acknowledged' });
    expect((await list()).entries.filter(({ state }: Incident) => state === 'snoozed')).toHaveLength(7);
    await recordInvestigation(ns.redis, ns.keys, wakes[7] ?? aWake({}), report, Date.now());
    expect((await post(`${id}/feedback`, { verdict: 'wrong' })).statusCode).toBe(200);
    expect((await app.inject('/v1/investigations/w-storm-7')).json()).toMatchObject({ feedback: { verdict: 'wrong' } });
    expect((await post(`${id}/resolve?storm=true`)).json()).toMatchObject({ state: 'closed' });
    expect((await list()).entries).toEqual([]);
    expect(written).toMatchObject([
      { seam: 'operator.incident_snoozed', details: { incident_id: 's-storm-7', alerts: 8 } },
      { seam: 'operator.incident_acknowledged', details: { incident_id: id } },
      { seam: 'operator.incident_feedback' },
      { seam: 'operator.incident_resolved', details: { incident_id: 's-storm-7', alerts: 8 } },
    ]);
    const actionsOf = async (member: string) =>
      (await app.inject(`/v1/incidents/${member}`)).json().actions.map(({ what }: { what: string }) => what);
    expect(await actionsOf('i-storm-1')).toEqual(['incident_resolved', 'incident_snoozed']);
    expect(await actionsOf(id)).toEqual([
      'incident_resolved',
      'incident_feedback',
      'incident_acknowledged',
      'incident_snoozed',
    ]);
    const alone = await incident(ns);
    expect((await post(`${alone.id}/resolve?storm=true`)).statusCode).toBe(409);
    expect(await actionsOf(alone.id)).toEqual([]);
  });

  test('are acknowledged, snoozed and resolved; each change is on record once', async ({ ns }) => {
    const { wake, id } = await incident(ns);
    const { app, written, post } = await incidents(ns);
    const acknowledged = await post(`${id}/acknowledge?reason=on%20it`);
    expect([acknowledged.statusCode, acknowledged.json()]).toMatchObject([
      200,
      { state: 'acknowledged', acknowledgedBy: 'local' },
    ]);
    expect((await post(`${id}/acknowledge`)).statusCode).toBe(200);
    expect((await post(`${id}/snooze`, { seconds: 3_600 })).json()).toMatchObject({ state: 'snoozed' });
    expect((await post(`${id}/resolve`)).json()).toMatchObject({ state: 'closed', closeReason: 'resolved' });
    const closed = await post(`${id}/acknowledge`);
    expect([closed.statusCode, closed.json().message]).toEqual([409, 'This incident is closed already.']);
    expect((await post('i-none/resolve')).statusCode).toBe(404);
    expect((await post(`${id}/snooze`, { seconds: 1 })).statusCode).toBe(400);
    const about = { incident_id: id, probe: wake.probe, category: wake.category, by: 'local', via: 'api' };
    expect(written).toMatchObject([
      { seam: 'operator.incident_acknowledged', details: { ...about, reason: 'on it' } },
      { seam: 'operator.incident_snoozed', details: { ...about, seconds: 3_600 } },
      { seam: 'operator.incident_resolved', details: about },
    ]);
    expect((await app.inject('/v1/operations')).json().entries).toHaveLength(3);
  });
});

test('metrics have the means of the time to acknowledge and of the duration', async ({ ns }) => {
  const { wake, id } = await incident(ns);
  const { app, post } = await incidents(ns);
  await ns.redis.hincrby(ns.keys.incident(id), 'startedAt', -60_000);
  for (let i = 0; i < 2; i++) await post(`${id}/acknowledge`);
  await commit(ns, [], [recovers(wake)]);
  const again = aWake({ ...wake, id: `${wake.id}-again` });
  await commit(ns, [again], [fires(again)]);
  const metrics = (await app.inject('/metrics')).body;
  const value = (name: string) => Number(new RegExp(`^kora_${name}_total ([\\d.]+)$`, 'm').exec(metrics)?.[1]);
  expect([value('incidents_acknowledged'), value('incident_flaps')]).toEqual([1, 1]);
  for (const name of ['incident_acknowledge_seconds', 'incident_duration_seconds']) {
    expect(value(name)).toBeGreaterThanOrEqual(60);
    expect(value(name)).toBeLessThan(120);
  }
});

describe('feedback', () => {
  test('is stored with the wake, counted, recorded without secrets, and replaced by a later one', async ({ ns }) => {
    const { wake, id } = await incident(ns);
    const { app, post, one, written } = await incidents(ns);
    expect((await post(`${id}/feedback`, { verdict: 'right' })).statusCode).toBe(404);
    await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
    for (const wrong of [
      {},
      { verdict: 'maybe' },
      { verdict: 'wrong', cause: ' ' },
      { verdict: 'wrong', cause: 'x'.repeat(1_001) },
    ]) {
      expect((await post(`${id}/feedback`, wrong)).statusCode).toBe(400);
    }
    const cause = 'the key sk-ant-api03-AAAAAAAAAAAAAAAA had expired';
    expect((await post(`${id}/feedback`, { verdict: 'right' })).json()).toMatchObject({ id, state: 'firing' });
    for (let i = 0; i < 2; i++) await post(`${id}/feedback`, { verdict: 'wrong', cause });
    const stored = await ns.redis.hget(ns.keys.wake(wake.id), 'feedback');
    expect(stored).toContain('had expired');
    expect(stored).not.toContain('AAAAAAAA');
    await commit(ns, [], [recovers(wake)]);
    await post(`${id}/feedback`, { verdict: 'partly' });
    const { history, actions } = await one(id);
    expect(history).toMatchObject([{ feedback: { verdict: 'partly', by: 'local', at: expect.any(String) } }]);
    const names = { incident_id: id, probe: 'fly', by: 'local', via: 'api' };
    const details = [
      { ...names, verdict: 'right' },
      { ...names, verdict: 'wrong', cause: expect.stringMatching(/^the key .* had expired$/) },
      { ...names, verdict: 'partly' },
    ];
    expect(written).toMatchObject(details.map((each) => ({ seam: 'operator.incident_feedback', details: each })));
    expect(JSON.stringify([written, history, actions])).not.toContain('AAAAAAAA');
    expect(actions).toHaveLength(3);
    expect((await app.inject('/metrics')).body).toContain('kora_diagnosis_feedback_total{verdict="wrong"} 1');
    expect((await app.inject('/v1/account')).json().feedback).toEqual({ right: 1, partly: 1, wrong: 1 });
  });

  test('changes the message, which shows it', async ({ ns }) => {
    const { wake, id } = await incident(ns);
    await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
    const posted = { channel: 'D1', ts: '1732600000.0001' };
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: Date.now(), posted });
    const { post, one } = await incidents(ns);
    expect(await listChanged(ns.redis, ns.keys, 10)).toEqual([]);
    await post(`${id}/feedback`, { verdict: 'wrong', cause: 'a full disk' });
    expect(await listChanged(ns.redis, ns.keys, 10)).toEqual([{ id, priority: 1 }]);
    const { preview } = await one(id);
    expect(preview[0]).toEqual({ kind: 'header', text: '⚠️ fly · t' });
    expect(JSON.stringify(preview)).toContain('cause wrong, says local: a full disk');
  });
});

describe('the hold', () => {
  test('is set, replaced and ended, and each change is recorded', async ({ ns }) => {
    const { app, written } = await incidents(ns);
    const read = async () => (await app.inject('/v1/hold')).json();
    const put = (payload: object) => app.inject({ method: 'PUT', url: '/v1/hold?reason=war+room', payload });
    expect(await read()).toEqual({ until: null, by: null });
    for (const seconds of [59, 86_401, 1.5, '60']) expect((await put({ seconds })).statusCode).toBe(400);
    const first = (await put({ seconds: 3_600 })).json();
    expect(Date.parse(first.until)).toBeGreaterThan(Date.now() + 3_500_000);
    const second = (await put({ seconds: 60 })).json();
    expect(Date.parse(second.until)).toBeLessThan(Date.now() + 61_000);
    expect(await read()).toEqual({ until: second.until, by: 'local' });
    expect((await app.inject({ method: 'DELETE', url: '/v1/hold' })).json()).toEqual({ until: null, by: null });
    expect(written).toMatchObject([
      { seam: 'operator.hold_set', details: { seconds: 3_600, reason: 'war room', by: 'local', via: 'api' } },
      { seam: 'operator.hold_set', details: { seconds: 60 } },
      { seam: 'operator.hold_ended' },
    ]);
  });
});
