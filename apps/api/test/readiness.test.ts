/** `/readyz` while Redis answers, but refuses writes. */
import { expect } from 'vitest';
import { endBeforeCleanup, eventually, namespace, ownServer, test } from '../../../test/support/fixtures.ts';
import { redisProcess } from '../../../test/support/redis-process.ts';
import { api } from './api.ts';

test('an API whose Redis refuses writes is not ready, says why, and is ready again afterwards', async ({ folder }) => {
  const server = await ownServer(redisProcess(folder));
  const ns = await namespace(`redis://127.0.0.1:${server.port}`);
  endBeforeCleanup(async () => {
    ns.redis.disconnect();
  });
  const { app } = await api(ns);
  const ready = async () => {
    const response = await app.inject('/readyz');
    return [response.statusCode, response.json().message];
  };
  expect(await ready()).toEqual([200, undefined]);

  await ns.redis.replicaof('127.0.0.1', 1);
  await eventually(async () => (await ready())[0] === 503);
  expect(await ready()).toEqual([503, 'Redis is a read-only replica.']);
  // Reads still work.
  expect((await app.inject('/v1/account')).statusCode).toBe(200);
  await ns.redis.replicaof('NO', 'ONE');
  await eventually(async () => (await ready())[0] === 200);

  await ns.redis.config('SET', 'maxmemory', '1');
  await eventually(async () => (await ready())[0] === 503);
  expect(await ready()).toEqual([503, 'Redis refuses writes (OOM).']);
  const { checks } = (await app.inject('/v1/status')).json();
  expect(checks[0]).toMatchObject({
    id: 'redis',
    state: 'problem',
    text: expect.stringContaining('refuses writes (OOM)'),
  });
  await ns.redis.config('SET', 'maxmemory', '0');
  await eventually(async () => (await ready())[0] === 200);
});

test('many requests at once cause one write', async ({ folder }) => {
  const server = await ownServer(redisProcess(folder));
  const ns = await namespace(`redis://127.0.0.1:${server.port}`);
  endBeforeCleanup(async () => {
    ns.redis.disconnect();
  });
  const { app } = await api(ns);
  const answers = await Promise.all(Array.from({ length: 50 }, () => app.inject('/readyz')));
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
  const calls = /cmdstat_set:calls=(\d+)/.exec(await ns.redis.info('commandstats'))?.[1];
  // A busy machine may need more than a second for 50 requests.
  expect(Number(calls)).toBeLessThan(10);
});
