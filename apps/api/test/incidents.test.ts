/** Incidents: listed, shown, acknowledged, snoozed and resolved over HTTP. */
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../test/support/commit.ts';
import { aWake, type Namespace, test } from '../../../test/support/fixtures.ts';
import { api } from './api.ts';

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
    expect((await app.inject('/v1/incidents/i-none')).statusCode).toBe(404);
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
