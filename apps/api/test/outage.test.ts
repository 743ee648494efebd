/** A Redis that refuses some commands while it is connected. */
import { expect } from 'vitest';
import { endBeforeCleanup, namespace, ownServer, removeNamespace, test } from '../../../test/support/fixtures.ts';
import { redisProcess } from '../../../test/support/redis-process.ts';
import { api } from './api.ts';

test('an outage of Redis is logged once, however many requests it fails, and the next one again', async ({
  folder,
}) => {
  const { port } = await ownServer(redisProcess(folder));
  const ns = await namespace(`redis://127.0.0.1:${port}`);
  endBeforeCleanup(() => removeNamespace(ns));
  const { app, log } = await api(ns);
  const pause = async (queue: string) =>
    (await app.inject({ method: 'POST', url: `/v1/queues/${queue}/pause` })).statusCode;
  const logged = () => log.lines.filter(({ event }) => event === 'api.redis_failing').length;
  for (const outage of [1, 2]) {
    await ns.redis.config('SET', 'maxmemory', '1');
    for (let i = 0; i < 5; i++) {
      expect([await pause('wakes'), await pause('deliveries')]).toEqual([503, 503]);
      // Reading works meanwhile. That is not the end of the outage.
      expect((await app.inject('/v1/queues')).statusCode).toBe(200);
    }
    expect(logged()).toBe(outage);
    await ns.redis.config('SET', 'maxmemory', '0');
    expect(await pause('wakes')).toBe(200);
  }
  expect(log.lines.filter(({ event }) => event === 'api.request_failed')).toEqual([]);
});
