/** Effects of a commit of buffered and muted rows: counts over several tailers, incidents, and their end. */
import { readAccount } from '@kora-wake/shared/store/account';
import { recordFollowed } from '@kora-wake/shared/store/checkpoint';
import { expireIncidents, listIncidents } from '@kora-wake/shared/store/incidents';
import { readPairStates } from '@kora-wake/shared/store/pair-state';
import { readWakeRecord, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { describe, expect } from 'vitest';
import { type Namespace, test } from '../../../../test/support/fixtures.ts';
import { committing, fires, NOW, recovers } from '../committing.ts';

const PAIR = { probe: 'fly', category: 'c' };
const ID = 'fly:c';
const row = (title: string, more: object = {}) => fires({ ...PAIR, ...more }, { severity: 'warning', title });
const TWICE = { debounce: { consecutive: 2 } };
const MINUTE = 60_000;

async function incidentsOf({ redis, keys }: Namespace) {
  return (await listIncidents(redis, keys, { isOpen: false, limit: 10 })).incidents;
}

async function counts({ redis, keys }: Namespace) {
  const { rows, enqueued, coalesced, buffered, muted } = await readAccount(redis, keys);
  return { rows, enqueued, coalesced, buffered, muted };
}

describe('buffered rows', () => {
  test('are counted over several tailers: a commit whose count has changed is decided again', async ({ ns }) => {
    const one = await committing(ns, TWICE);
    const other = await committing(ns, { ...TWICE, name: 'other' });
    const between = async () => void (await other.commit([row('of the other log')]));
    expect((await one.commit([row('first')], { between })).result).toBe('outdated');
    const { result, decided } = await one.commit([row('first')], { mayReplay: true });
    expect([result, decided.enqueued.map(({ buffered }) => buffered)]).toEqual(['committed', [1]]);
    expect(await counts(ns)).toMatchObject({ rows: 2, enqueued: 1, buffered: 1 });
  });

  test('are decided again if another tailer has opened the incident meanwhile', async ({ ns }) => {
    const one = await committing(ns, { debounce: { consecutive: 2, windowMs: 0 } });
    const other = await committing(ns, { debounce: { windowMs: 0 }, name: 'other' });
    const between = async () => void (await other.commit([row('opens')]));
    expect((await one.commit([row('first')], { between })).result).toBe('outdated');
    const { decided } = await one.commit([row('first')], { mayReplay: true });
    expect(decided.enqueued).toHaveLength(1);
  });

  test('belong to the incident that they lead to, and their number is kept with the wake', async ({ ns }) => {
    const { commit } = await committing(ns, { debounce: { consecutive: 3 } });
    await commit([row('one', { instance: 'a' })]);
    const { ids } = await commit([row('two', { instance: 'b' }), row('three', { instance: 'a' }), row('four')]);
    expect(await incidentsOf(ns)).toMatchObject([{ rows: 4, wakes: 1, firing: 3 }]);
    expect((await readWakeRecord(ns.redis, ns.keys, ids[1] ?? ''))?.row.buffered).toBe(2);
    const job = await ns.queue.getJob(ids[1] ?? '');
    expect(job?.data.wake.buffered).toBe(2);
  });

  test.for([['in one batch'], ['one by one']])(
    'lapse with the window of the first of them, %s',
    async ([how], { ns }) => {
      const rules = 'rules: [{ match: { severity: warning }, consecutive: 3, window: 12m }]';
      const { commit } = await committing(ns, { debounce: { consecutive: 3, windowMs: 20 * MINUTE }, rules });
      const rows = [fires(PAIR, { severity: 'critical', title: 'first' }), row('second')];
      for (const batch of how === 'one by one' ? rows.map((each) => [each]) : [rows]) await commit(batch);
      expect(await ns.redis.get(ns.keys.buffered(ID))).toBe('2');
      expect(await ns.redis.pttl(ns.keys.buffered(ID))).toBeGreaterThan(15 * MINUTE);
    },
  );

  test('start anew after a recovery', async ({ ns }) => {
    const { commit } = await committing(ns, TWICE);
    await commit([row('one')]);
    await commit([recovers(PAIR)]);
    const { decided } = await commit([row('two')]);
    expect([decided.buffered.length, decided.enqueued.length]).toEqual([1, 0]);
    expect((await commit([row('three')])).decided.enqueued).toHaveLength(1);
  });

  test('go on while another instance still fires', async ({ ns }) => {
    const { commit } = await committing(ns, TWICE);
    await commit([row('one', { instance: 'a' })]);
    await commit([recovers({ ...PAIR, instance: 'b' })]);
    expect((await commit([row('two', { instance: 'a' })])).decided.enqueued).toHaveLength(1);
  });

  test('that lapsed do not keep their instances firing', async ({ ns }) => {
    const { commit } = await committing(ns, TWICE);
    await commit([row('one', { instance: 'a' })]);
    // The count lapses.
    await ns.redis.del(ns.keys.buffered(ID));
    await commit([row('two', { instance: 'b' }), row('three', { instance: 'b' })]);
    expect(await incidentsOf(ns)).toMatchObject([{ firing: 1 }]);
    await commit([recovers({ ...PAIR, instance: 'b' })]);
    expect(await incidentsOf(ns)).toMatchObject([{ state: 'closed', closeReason: 'recovered' }]);
  });

  test('lapse one window after the first of them', async ({ ns }) => {
    const { commit } = await committing(ns, { debounce: { consecutive: 3 } });
    await commit([row('one')]);
    await ns.redis.pexpire(ns.keys.buffered(ID), 60_000);
    await commit([row('two')]);
    expect(await ns.redis.pttl(ns.keys.buffered(ID))).toBeLessThanOrEqual(60_000);
    expect(await readPairStates(ns.redis, ns.keys, [ID])).toMatchObject([{ buffered: 2 }]);
  });

  test('do not count as the first critical one of their incident: nobody was told that it is critical', async ({
    ns,
  }) => {
    const { commit } = await committing(ns, TWICE);
    const critical = (title: string) => fires(PAIR, { severity: 'critical', title });
    const { decided } = await commit([
      critical('buffered'),
      row('leads to a wake'),
      critical('passes'),
      critical('in it'),
    ]);
    expect(decided.enqueued.map(({ title }) => title)).toEqual(['leads to a wake', 'passes']);
  });

  test('end with the wake that they lead to', async ({ ns }) => {
    const { commit } = await committing(ns, { ...TWICE, hasIncidents: false });
    await commit([row('one'), row('two')]);
    expect(await readPairStates(ns.redis, ns.keys, [ID])).toMatchObject([{ buffered: 0 }]);
  });
});

describe('muted rows', () => {
  const rules = 'rules: [{ match: { severity: info }, mute: [{ cron: "* * * * *", for: 2m, reason: tests }] }]';
  const muted = (title: string, more: object = {}) => fires({ ...PAIR, ...more }, { severity: 'info', title });

  test('are counted by their reason, and open no incident', async ({ ns }) => {
    const { commit } = await committing(ns, { rules });
    await commit([muted('one'), muted('two')]);
    expect(await counts(ns)).toEqual({ rows: 2, enqueued: 0, coalesced: 0, buffered: 0, muted: 2 });
    expect(await ns.redis.hget(ns.keys.counters, 'muted:tests')).toBe('2');
    expect(await incidentsOf(ns)).toEqual([]);
  });

  test('belong to the incident that is open at their place in the log', async ({ ns }) => {
    const { commit } = await committing(ns, { rules });
    await commit([
      muted('before', { instance: 'x' }),
      row('opens'),
      muted('in it', { instance: 'y' }),
      muted('again', { instance: 'y' }),
    ]);
    expect(await incidentsOf(ns)).toMatchObject([{ rows: 3, wakes: 1, firing: 2 }]);
    await commit([recovers(PAIR), muted('after')]);
    expect(await incidentsOf(ns)).toMatchObject([{ state: 'closed', rows: 3 }]);
  });

  test('keep a row that has a wake already: its decision is final', async ({ ns }) => {
    let now = NOW;
    const evening = 'rules: [{ mute: [{ cron: "30 3 * * *", for: 1h }] }]';
    const { commit } = await committing(ns, { rules: evening, redisNow: () => now });
    await commit([row('one')], { dies: true });
    now += 40 * MINUTE;
    const { decided } = await commit([row('one')], { mayReplay: true });
    expect([decided.enqueued.length, decided.muted]).toEqual([1, []]);
  });
});

test('an incident does not expire inside a window that is longer than its silence', async ({ ns }) => {
  const { redis, keys } = ns;
  const { commit } = await committing(ns, { rules: 'rules: [{ window: 4h }]' });
  await recordFollowed(redis, keys, 's', 1);
  const [wake] = (await commit([row('one')])).decided.enqueued;
  if (!wake) throw new Error('no wake');
  await recordOutcome(redis, keys, { wake, outcome: 'diagnosis', at: Date.now() });
  const [incident] = await incidentsOf(ns);
  const expire = async (agoMs: number) => {
    const at = Date.now() - agoMs;
    await redis.hset(keys.incident(incident?.id ?? ''), 'lastRowAt', at);
    await redis.zadd(keys.openIncidents, at, incident?.id ?? '');
    return expireIncidents(redis, keys, ['s'], { quietMs: 120 * MINUTE, senderQuietMs: 120 * MINUTE });
  };
  expect([await expire(239 * MINUTE), await expire(241 * MINUTE)]).toEqual([0, 1]);
});
