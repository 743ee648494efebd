/** Redis holds data that nobody checked: one corrupt record must not break a list. */
import { sourceId } from '@kora-wake/shared/store/keys';
import { monthOf } from '@kora-wake/shared/wake/budget';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { expect } from 'vitest';
import { aWake, openWindow, test } from '../../../test/support/fixtures.ts';
import { api, deadLetter, deliveredWake } from './api.ts';

test('operations leave out corrupt entries and log that once', async ({ ns }) => {
  const { app, log } = await api(ns);
  await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause' });
  await ns.redis.lpush(ns.keys.operations, '{', 'null', '{"at":"yesterday"}');
  const read = async () => (await app.inject('/v1/operations')).json().entries;
  expect(await read()).toMatchObject([{ what: 'queue_paused' }]);
  expect(await read()).toHaveLength(1);
  expect(log.lines.filter(({ event }) => event === 'api.record_unreadable')).toHaveLength(1);
});

test('dead letters leave out jobs that are not JSON, and list those of other programs', async ({ ns }) => {
  const { app, log } = await api(ns);
  const ids = [
    await deadLetter(ns, 'w-1', 'one'),
    await deadLetter(ns, 'w-2', 'two'),
    await deadLetter(ns, 'w-3', 'x'),
  ];
  const key = (i: number) => `${ns.prefix}:deliveries:${ids[i]}`;
  await ns.redis.hset(key(0), 'data', '{');
  await ns.redis.hset(key(1), { data: '{"wake":{"id":"w-2","probe":7}}', finishedOn: 'never' });
  await ns.redis.zadd(ns.keys.failed('deliveries'), 1, 'no-such-job');
  const read = async () => (await app.inject('/v1/dead-letters')).json().entries;
  expect(await read()).toMatchObject([
    { wakeId: 'w-3', probe: 'fly', reason: 'x' },
    { wakeId: 'w-2', probe: null, title: null },
  ]);
  await read();
  expect(log.lines.filter(({ event }) => event === 'api.record_unreadable')).toHaveLength(1);
});

test('debounce windows leave out names that are not pairs, and list windows whose job is corrupt', async ({ ns }) => {
  const { app } = await api(ns);
  await openWindow(ns, aWake());
  await ns.redis.hset(`${ns.prefix}:wakes:w-1`, 'data', '{');
  await ns.redis.zadd(ns.keys.windowNames, 0, '%zz');
  await ns.redis.zadd(ns.keys.windowEnds, Date.now() + 60_000, '%zz', Date.now() + 60_000, debounceId('a', 'b'));
  const { entries } = (await app.inject('/v1/debounce')).json();
  expect(entries).toMatchObject([{ probe: 'fly', severity: 'unknown' }]);
});

test('investigations leave out records that are corrupt', async ({ ns }) => {
  const { app } = await api(ns);
  for (const id of ['w-1', 'w-2', 'w-3']) await deliveredWake(ns, id, 1_000);
  await ns.redis.hset(ns.keys.wake('w-1'), 'row', '{');
  await ns.redis.hset(ns.keys.wake('w-2'), { report: '[]', outcome: 'eaten', outcomeAt: '1e99', suppressed: 'many' });
  await ns.redis.hset(`${ns.prefix}:deliveries:deliver-w-2`, 'data', '{');
  const { entries } = (await app.inject('/v1/investigations')).json();
  expect(entries).toMatchObject([
    { wakeId: 'w-3', outcome: 'diagnosis' },
    { wakeId: 'w-2', outcome: null, outcomeAt: null, suppressed: 0 },
  ]);
});

test('the tailer route lists a log whose checkpoint is corrupt', async ({ ns }) => {
  const { app } = await api(ns);
  await ns.redis.sadd(ns.keys.sources, sourceId('/log'));
  const checkpoint = { path: '/log', position: '{', committedAt: 'never', lastRowAt: 'never' };
  await ns.redis.hset(ns.keys.source(sourceId('/log')), checkpoint);
  expect((await app.inject('/v1/tailer')).json().sources).toMatchObject([{ path: '/log', offset: 0, lastRowAt: null }]);
});

test('queues and metrics are read even if the oldest job is corrupt', async ({ ns }) => {
  const { app } = await api(ns);
  await openWindow(ns, aWake());
  await ns.redis.hset(`${ns.prefix}:wakes:w-1`, 'data', '{');
  const { queues } = (await app.inject('/v1/queues')).json();
  expect(queues[0]).toMatchObject({ counts: { waiting: 1 }, oldestWaitingMs: null });
  expect((await app.inject('/metrics')).body).toContain('kora_queue_oldest_seconds{queue="wakes"} 0');
});

test('costs and account are read even if an amount is not a number', async ({ ns }) => {
  const { app } = await api(ns);
  await ns.redis.hset(ns.keys.spend(monthOf(Date.now())), { total: 'much', '2026-11-01|tool|model': 'much' });
  await ns.redis.hset(ns.keys.counters, { rows: 2, enqueued: 2, 'rejected:stale': 'some' });
  expect((await app.inject('/v1/costs')).json()).toMatchObject({ spentMonthUsd: 0 });
  expect((await app.inject('/v1/account')).json()).toMatchObject({ rows: 2, rejected: { stale: 0 } });
});
