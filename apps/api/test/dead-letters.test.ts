/** Jobs that failed for good: list, retry, drop. */
import { runIncidentClocks } from '@kora-wake/shared/store/incidents';
import { endNotice, listPendingNotices } from '@kora-wake/shared/store/notices';
import { deliverJobOptions, noticeJobOptions } from '@kora-wake/shared/store/queues';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { Job, UnrecoverableError, Worker } from 'bullmq';
import { describe, expect, vi } from 'vitest';
import { commit, fires } from '../../../test/support/commit.ts';
import { aWake, endBeforeCleanup, ending, eventually, test } from '../../../test/support/fixtures.ts';
import { api, deadLetter, report } from './api.ts';

describe('dead letters', () => {
  test('are listed newest first over both queues, retried, and dropped with a reason', async ({ ns }) => {
    const { app, written } = await api(ns);
    const one = await deadLetter(ns, 'w-1', 'channel_not_found');
    const two = await deadLetter(ns, 'w-2', 'operator_unset');
    const list = async (query = '') => (await app.inject(`/v1/dead-letters${query}`)).json();
    const all = await list();
    expect(all.entries).toMatchObject([
      { queue: 'deliveries', jobId: two, wakeId: 'w-2', reason: 'operator_unset' },
      { queue: 'deliveries', jobId: one, wakeId: 'w-1', probe: 'fly', reason: 'channel_not_found' },
    ]);
    const first = await list('?limit=1');
    expect((await list(`?limit=1&cursor=${first.nextCursor}`)).entries).toMatchObject([{ jobId: one }]);

    const url = `/v1/dead-letters/deliveries/${one}`;
    expect((await app.inject({ method: 'POST', url: `${url}/retry` })).json()).toEqual({ retried: true });
    expect(await ns.deliveries.getWaitingCount()).toBe(1);
    const drop = (payload: object) => app.inject({ method: 'DELETE', url: url.replace(one, two), payload });
    expect((await drop({ reason: ' ' })).statusCode).toBe(400);
    expect((await drop({ reason: 'told by phone' })).json()).toEqual({ dropped: true });
    expect((await drop({ reason: 'again' })).statusCode).toBe(404);
    expect((await app.inject({ method: 'POST', url: `${url}/retry` })).statusCode).toBe(404);
    expect((await list()).entries).toEqual([]);
    expect(written).toMatchObject([
      { seam: 'operator.dead_letter_retried', details: { by: 'local', wake_id: 'w-1' } },
      { seam: 'operator.dead_letter_dropped', details: { wake_id: 'w-2', reason: 'told by phone' } },
    ]);
  });
});

test('a notice that failed is listed with the alert of its incident, and can be retried', async ({ ns }) => {
  const wake = aWake({ id: 'w-n', severity: 'critical', title: 'down' });
  await commit(ns, [wake], [fires(wake)]);
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
  await ns.redis.hset(ns.keys.incident('i-n'), 'state', 'snoozed', 'snoozedUntil', 1);
  await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0 });
  const [id = ''] = await listPendingNotices(ns.redis, ns.keys, 1);
  await ns.followups.add('remind', { noticeId: id }, { ...noticeJobOptions(id), attempts: 1 });
  const worker = new Worker(ns.followups.name, () => Promise.reject(new UnrecoverableError('channel_not_found')), {
    connection: { url: ns.redisUrl },
    prefix: ns.prefix,
  });
  await eventually(async () => (await ns.followups.getFailedCount()) === 1);
  await worker.close();
  await endNotice(ns.redis, ns.keys, { notice: { id, to: '' }, outcome: 'dead', failure: 'channel_not_found' });
  const { app } = await api(ns);
  const account = async () => (await app.inject('/v1/account')).json();
  expect((await account()).notices).toMatchObject({ dead: 1, pending: 0 });
  const { entries } = (await app.inject('/v1/dead-letters')).json();
  expect(entries).toMatchObject([
    { queue: 'followups', jobId: id, wakeId: 'w-n', title: 'down', reason: 'channel_not_found' },
  ]);
  const url = `/v1/dead-letters/followups/${id}/retry`;
  expect((await app.inject({ method: 'POST', url })).json()).toEqual({ retried: true });
  expect(await account()).toMatchObject({ notices: { dead: 0, pending: 1 }, outcomes: { dead: 0 } });
});

test('a digest that failed is listed once for all its alerts, and its retry takes back all their outcomes', async ({
  ns,
}) => {
  const wakes = Array.from({ length: 9 }, (_, i) => aWake({ id: `w-${i}`, category: `c-${i}` }));
  await commit(
    ns,
    wakes,
    wakes.map((wake) => fires(wake)),
    { pairs: 8, withinMs: 60_000 },
  );
  const [id = ''] = await listPendingNotices(ns.redis, ns.keys, 1);
  await ns.followups.add('remind', { noticeId: id }, { ...noticeJobOptions(id), attempts: 1 });
  const worker = new Worker(ns.followups.name, () => Promise.reject(new UnrecoverableError('channel_not_found')), {
    connection: { url: ns.redisUrl },
    prefix: ns.prefix,
  });
  await eventually(async () => (await ns.followups.getFailedCount()) === 1);
  await worker.close();
  await endNotice(ns.redis, ns.keys, { notice: { id, to: '' }, outcome: 'dead', failure: 'channel_not_found' });
  const { app } = await api(ns);
  const { entries } = (await app.inject('/v1/dead-letters')).json();
  expect(entries).toMatchObject([
    { queue: 'followups', jobId: id, probe: 'digest', category: '9 alerts', wakeId: 'w-8' },
  ]);
  expect((await app.inject('/v1/investigations/w-3')).json()).toMatchObject({
    outcome: 'dead',
    failure: { code: 'channel_not_found' },
    deadLetter: { queue: 'followups', jobId: id },
  });
  await app.inject({ method: 'POST', url: `/v1/dead-letters/followups/${id}/retry` });
  expect((await app.inject('/v1/account')).json()).toMatchObject({
    outcomes: { dead: 0 },
    inFlight: 9,
    unaccounted: 0,
  });
  expect((await app.inject('/v1/investigations/w-3')).json()).toMatchObject({ outcome: null, deadLetter: null });
});

describe('the detail of a wake that was not sent', () => {
  test('has the reason and the job to retry, and later who dismissed it and why', async ({ ns }) => {
    const { app } = await api(ns);
    const jobId = await deadLetter(ns, 'w-1', 'channel_not_found');
    const wake = aWake({ id: 'w-1', category: 'w-1' });
    await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
    const failure = { code: 'channel_not_found', attempts: 3 };
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'dead', at: 1_000, failure });
    const detail = async () => (await app.inject('/v1/investigations/w-1')).json();
    expect(await detail()).toMatchObject({
      failure: { ...failure, at: '1970-01-01T00:00:01.000Z' },
      deadLetter: { queue: 'deliveries', jobId },
      dismissed: null,
    });
    const url = `/v1/dead-letters/deliveries/${jobId}`;
    const headers = { authorization: `Basic ${Buffer.from('jo:x').toString('base64')}` };
    await app.inject({ method: 'DELETE', url, payload: { reason: 'told by phone' }, headers });
    expect(await detail()).toMatchObject({
      outcome: 'dead',
      failure,
      deadLetter: null,
      dismissed: { by: 'jo', reason: 'told by phone' },
    });
  });

  test('has no failure any more once it is retried', async ({ ns }) => {
    const { app } = await api(ns);
    const jobId = await deadLetter(ns, 'w-1', 'operator_unset');
    const wake = aWake({ id: 'w-1', category: 'w-1' });
    await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
    const failure = { code: 'operator_unset', attempts: 1 };
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'dead', at: 1_000, failure });
    await app.inject({ method: 'POST', url: `/v1/dead-letters/deliveries/${jobId}/retry` });
    expect((await app.inject('/v1/investigations/w-1')).json()).toMatchObject({
      outcome: null,
      failure: null,
      deadLetter: null,
      dismissed: null,
    });
  });

  test('of which no record exists is dismissed without creating one', async ({ ns }) => {
    const { app } = await api(ns);
    const jobId = await deadLetter(ns, 'w-2', 'channel_not_found');
    await app.inject({ method: 'DELETE', url: `/v1/dead-letters/deliveries/${jobId}`, payload: { reason: 'test' } });
    expect(await ns.redis.exists(ns.keys.wake('w-2'))).toBe(0);
  });
});

describe('several dead letters or callers', () => {
  test('are each on one page', async ({ ns }) => {
    const { app } = await api(ns);
    const ids = [];
    for (let i = 0; i < 6; i++) ids.push(await deadLetter(ns, `w.${i}`, 'channel_not_found'));
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await app.inject(`/v1/dead-letters?limit=1${cursor}`)).json();
      seen.push(...page.entries.map(({ jobId }: { jobId: string }) => jobId));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  test.for(['retry', 'drop'])('only the first of several callers succeeds: %s', async (what, { ns }) => {
    const { app, written } = await api(ns);
    const url = `/v1/dead-letters/deliveries/${await deadLetter(ns, 'w-1', 'channel_not_found')}`;
    const ask = () =>
      what === 'retry'
        ? app.inject({ method: 'POST', url: `${url}/retry` })
        : app.inject({ method: 'DELETE', url, payload: { reason: 'told by phone' } });
    const answers = await Promise.all(Array.from({ length: 5 }, ask));
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 200)).toHaveLength(1);
    expect(codes.filter((code) => code === 404 || code === 409)).toHaveLength(4);
    expect(written).toHaveLength(1);
    expect(await ns.deliveries.getJobCountByTypes('failed', 'waiting')).toBe(what === 'retry' ? 1 : 0);
  });

  test('that are retried lose their outcome, and the account stays balanced', async ({ ns }) => {
    const { app } = await api(ns);
    await ns.redis.hset(ns.keys.counters, 'rows', 1, 'enqueued', 1);
    await recordInvestigation(ns.redis, ns.keys, aWake(), report, Date.now() - 60_000);
    const jobId = await deadLetter(ns, 'w-1', 'channel_not_found');
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', Date.now()));
    const account = async () => (await app.inject('/v1/account')).json();
    expect(await account()).toMatchObject({ outcomes: { dead: 1 }, inFlight: 0, unaccounted: 0, oldestPendingMs: 0 });
    await app.inject({ method: 'POST', url: `/v1/dead-letters/deliveries/${jobId}/retry` });
    expect(await account()).toMatchObject({ outcomes: { dead: 0 }, inFlight: 1, unaccounted: 0 });
    expect((await app.inject('/v1/investigations/w-1')).json()).toMatchObject({ outcome: null, state: 'delivering' });
    await ns.deliveries.obliterate({ force: true });
    expect(await account()).toMatchObject({ unaccounted: 1 });
  });

  test.for(['events', 'id', 'completed', 'meta', '..'])(
    'are not taken for what BullMQ keeps as %s',
    async (name, { ns }) => {
      const { app } = await api(ns);
      await deadLetter(ns, 'w-1', 'channel_not_found');
      const id = encodeURIComponent(name);
      const retry = await app.inject({ method: 'POST', url: `/v1/dead-letters/deliveries/${id}/retry` });
      // The path with `..` is that of the route for all dead letters, which needs a body.
      expect(retry.statusCode).toBe(name === '..' ? 400 : 404);
      expect(await ns.deliveries.getFailedCount()).toBe(1);
      const board = await app.inject(`/admin/queues/api/queues/deliveries/${id}`);
      expect(board.statusCode).toBeLessThan(500);
    },
  );
});

test('all dead letters with one reason are retried by one request, and others stay', async ({ ns }) => {
  const { app, written } = await api(ns);
  for (const id of ['w-1', 'w-2', 'w-3']) await deadLetter(ns, id, 'channel_not_found');
  const other = await deadLetter(ns, 'w-4', 'operator_unset');
  const retry = (because: string) =>
    app.inject({ method: 'POST', url: '/v1/dead-letters/retry?reason=fixed', payload: { because } });
  expect((await retry('channel_not_found')).json()).toEqual({ retried: 3, isComplete: true });
  const { entries } = (await app.inject('/v1/dead-letters')).json();
  expect(entries.map(({ jobId }: { jobId: string }) => jobId)).toEqual([other]);
  expect(written.at(-1)?.details).toMatchObject({ because: 'channel_not_found', retried: 3, reason: 'fixed' });
  expect((await retry('channel_not_found')).json()).toEqual({ retried: 0, isComplete: true });
  expect((await retry('')).statusCode).toBe(400);
});

test('a retry of many that fails in between is recorded with its number', async ({ ns }) => {
  const { app, written } = await api(ns);
  const jobs = await Promise.all(['w-1', 'w-2', 'w-3'].map((id) => deadLetter(ns, id, 'channel_not_found')));
  const { retry } = Job.prototype;
  const failing = vi.spyOn(Job.prototype, 'retry').mockImplementation(function failLast(this: Job) {
    return this.id === jobs.at(-1) ? Promise.reject(new Error('READONLY')) : retry.call(this);
  });
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/dead-letters/retry',
    payload: { because: 'channel_not_found' },
  });
  failing.mockRestore();
  expect(answer.statusCode).toBe(500);
  expect(written.at(-1)?.details).toMatchObject({ because: 'channel_not_found', retried: 2 });
});

test('deliveries that are retried together are sent in their order, after newer ones', async ({ ns }) => {
  const { app } = await api(ns);
  const retried: string[] = [];
  for (const id of ['w-1', 'w-2', 'w-3']) retried.push(await deadLetter(ns, id, 'channel_not_found'));
  await app.inject({ method: 'POST', url: '/v1/dead-letters/retry', payload: { because: 'channel_not_found' } });
  const newer = aWake({ id: 'w-new', severity: 'critical' });
  await ns.deliveries.add('deliver', { wake: newer, report }, deliverJobOptions(newer));
  const sent: unknown[] = [];
  const worker = new Worker(ns.deliveries.name, async ({ id }) => void sent.push(id), {
    connection: { url: ns.redisUrl },
    prefix: ns.prefix,
  });
  endBeforeCleanup(() => worker.close());
  await eventually(() => sent.length === 4);
  expect(sent).toEqual([deliverJobOptions(newer).jobId, ...retried]);
});
