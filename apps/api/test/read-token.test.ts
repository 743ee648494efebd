/** A caller with the read token sees no credential, writes nothing, and takes a bounded part of the API's means. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { clearWindow } from '@kora-wake/shared/store/windows';
import { WINDOW_SORTS } from '@kora-wake/shared/wake/pair';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import {
  aWake,
  endBeforeCleanup,
  namespace,
  openWindow,
  ownServer,
  removeNamespace,
  test,
} from '../../../test/support/fixtures.ts';
import { redisProcess } from '../../../test/support/redis-process.ts';
import { streamPlaces } from '../src/stream-places.ts';
import { api, bearer, deliveredWake, TOKEN } from './api.ts';

const READ = 'a-token-that-only-reads';
const basic = (user: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${TOKEN}`).toString('base64')}` });

describe('records of changes', () => {
  test('never contain a token or another secret, however it was typed', async ({ ns }) => {
    const { app, written } = await api(ns, TOKEN, READ);
    const half = TOKEN.slice(0, 5);
    const pause = async (user: string, reason: string) => {
      const query = `reason=${encodeURIComponent(reason)}`;
      const url = `/v1/queues/wakes/pause?${query}`;
      expect((await app.inject({ method: 'POST', url, headers: basic(user) })).statusCode).toBe(200);
    };
    await pause(TOKEN, `I used ${READ}`);
    await pause(`jo ${READ}`, `${TOKEN}${TOKEN}`);
    // A zero-width character in it, and a place at which a cut leaves a part of it.
    await pause(`${half}\u200b${TOKEN.slice(5)}`, `${'x'.repeat(470)} ${TOKEN}`);
    await pause(`${'y'.repeat(90)} ${TOKEN}`, 'key sk-ant-abcdefghijklmnop');
    const xReason = { ...basic('jo'), 'x-reason': `${'x'.repeat(490)} ${TOKEN}` };
    await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause', headers: xReason });
    await app.inject({ method: 'PUT', url: `/admin/queues/api/queues/wakes/${TOKEN}/clean`, headers: basic('jo') });
    const stored = (await ns.redis.lrange(ns.keys.operations, 0, -1)).join();
    const listed = (await app.inject({ url: '/v1/operations', headers: bearer(READ) })).body;
    const me = (await app.inject({ url: '/v1/me', headers: basic(TOKEN) })).body;
    for (const text of [stored, listed, me, JSON.stringify(written)]) {
      for (const secret of [half, READ, 'sk-ant']) expect(text).not.toContain(secret);
    }
    expect(JSON.parse(listed).entries.at(-1)).toMatchObject({
      by: '[redacted credential]',
      reason: 'I used [redacted credential]',
    });
  });

  test('of 0.2 with a token are cleaned when they are listed; a short token is redacted too', async ({ ns }) => {
    const { app } = await api(ns, 'abc', 'xyz');
    const old = {
      at: new Date(0).toISOString(),
      what: 'queue_paused',
      by: 'abc',
      reason: 'xyz',
      details: { a: 'abc' },
    };
    await ns.redis.lpush(ns.keys.operations, JSON.stringify(old));
    const { entries } = (await app.inject({ url: '/v1/operations', headers: bearer('xyz') })).json();
    const redacted = '[redacted credential]';
    expect(entries).toMatchObject([{ by: redacted, reason: redacted, details: { a: redacted } }]);
  });

  test('have no control characters and no marks that reverse the order of reading', async ({ ns }) => {
    const { app, written } = await api(ns, TOKEN);
    const url = `/v1/queues/wakes/pause?reason=${encodeURIComponent('a\u009b31m\u202eb\u0007\r\nc\u2028d')}`;
    await app.inject({ method: 'POST', url, headers: basic('j\u202eo\u001b[31m\n') });
    const details = { by: 'jo[31m', reason: 'a31mb c d' };
    expect(written).toMatchObject([{ details }]);
    const { entries } = (await app.inject({ url: '/v1/operations', headers: bearer(TOKEN) })).json();
    expect(entries).toMatchObject([details]);
  });
});

describe('reads', () => {
  test('of any cursor write nothing to Redis, and cost the same at every place', async ({ folder }) => {
    const { port } = await ownServer(redisProcess(folder));
    const redisUrl = `redis://127.0.0.1:${port}`;
    const ns = await namespace(redisUrl);
    const observer = new Redis(redisUrl);
    endBeforeCleanup(async () => {
      observer.disconnect();
      await removeNamespace(ns);
    });
    const { app } = await api(ns, TOKEN, READ);
    for (let i = 0; i < 3; i++) await deliveredWake(ns, `w-${i}`, 1_000 * i);
    await openWindow(ns, aWake());
    await openWindow(ns, aWake({ id: 'w-2', category: 'up' }));
    const failed = ns.redis.pipeline();
    for (let i = 0; i < 5_000; i++) failed.zadd(ns.keys.failed('deliveries'), 1_000_000 + i, `deliver-w-${i}`);
    await failed.exec();
    const stat = async (name: string) => {
      const info = await observer.info();
      return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    };
    const cursors = ['0.w-none', '9999999999999999.w-none', '1000001.deliver-w-gone', '1000001.zzz'].map((place) =>
      Buffer.from(place).toString('base64url'),
    );
    const windows = await Promise.all(
      WINDOW_SORTS.map(async (sort) => {
        const path = `/v1/debounce?limit=1&sort=${sort}`;
        const { nextCursor } = (await app.inject({ url: path, headers: bearer(READ) })).json();
        return `${path}&cursor=${nextCursor}`;
      }),
    );
    await clearWindow(ns, 'fly', 'down');
    const read = async (path: string) => {
      const before = await stat('total_commands_processed');
      const { statusCode } = await app.inject({ url: path, headers: bearer(READ) });
      expect(statusCode).toBe(200);
      return (await stat('total_commands_processed')) - before;
    };
    await read('/v1/dead-letters?limit=5');
    await read(`/v1/investigations?window=all&cursor=${cursors[0]}`);
    for (const page of windows) await read(page);
    const written = await stat('rdb_changes_since_last_save');
    for (const cursor of cursors) {
      expect(await read(`/v1/dead-letters?limit=5&cursor=${cursor}`)).toBeLessThan(50);
      expect(await read(`/v1/investigations?window=all&cursor=${cursor}`)).toBeLessThan(50);
    }
    for (const page of windows) expect(await read(page)).toBeLessThan(50);
    expect(await stat('rdb_changes_since_last_save')).toBe(written);
    const long = Buffer.from(`1.${'x'.repeat(60_000)}`).toString('base64url');
    const answer = await app.inject({ url: `/v1/investigations?cursor=${long}`, headers: bearer(READ) });
    expect(answer.statusCode).toBe(400);
  });

  test('continue after a wake that has left the list, among others of the same time', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    const now = Date.now();
    const ids = ['w-a', 'w-b', 'w-c', 'w-d', 'w-e'];
    for (const id of ids) await deliveredWake(ns, id, 1_000);
    for (const id of ids) await ns.redis.zadd(ns.keys.history, now - 1_000, id);
    const list = async (query: string) =>
      (await app.inject({ url: `/v1/investigations?${query}`, headers: bearer(TOKEN) })).json();
    const first = await list('limit=2');
    expect(first.entries.map(({ wakeId }: { wakeId: string }) => wakeId)).toEqual(['w-e', 'w-d']);
    await ns.redis.zrem(ns.keys.history, 'w-d');
    const second = await list(`limit=2&cursor=${first.nextCursor}`);
    expect(second.entries.map(({ wakeId }: { wakeId: string }) => wakeId)).toEqual(['w-c', 'w-b']);
  });

  test('of Bull Board have a bounded number of jobs on a page', async ({ ns }) => {
    const { app } = await api(ns, TOKEN, READ);
    const jobs = Array.from({ length: 150 }, (_, i) => ({
      name: 'wake' as const,
      data: { wake: aWake({ id: `w-${i}` }) },
    }));
    await ns.queue.addBulk(jobs);
    for (const size of ['1e9', '1000000000', '0x3b9aca00']) {
      const url = `/admin/queues/api/queues?activeQueue=wakes&status=waiting&page=1&jobsPerPage=${size}`;
      const { queues } = (await app.inject({ url, headers: bearer(READ) })).json();
      expect(queues.find(({ name }: { name: string }) => name === 'wakes').jobs).toHaveLength(100);
    }
    const small = '/admin/queues/api/queues?activeQueue=wakes&status=waiting&page=2&jobsPerPage=20';
    const { queues } = (await app.inject({ url: small, headers: bearer(READ) })).json();
    expect(queues.find(({ name }: { name: string }) => name === 'wakes').jobs).toHaveLength(20);
  });
});

test('any value in the parameters of Bull Board gives a 2xx, or a 4xx that is not logged', async ({ ns }) => {
  const { app, log } = await api(ns, TOKEN, READ);
  await ns.queue.add('wake', { wake: aWake() }, { jobId: 'w-1' });
  const values = ['', '0', '-1', '1e300', '1e16', '9007199254740993', 'NaN', 'x', '%25', '%00', 'wakes'];
  const list = 'queues?activeQueue=wakes&status=waiting';
  const paths = values.flatMap((value) => [
    `${list}&page=${value}`,
    `${list}&jobsPerPage=${value}`,
    `${list}&page=${value}&jobsPerPage=${value}`,
    `${list}&activeQueue=${value}`,
    `queues?activeQueue=${value}`,
    `queues?activeQueue=wakes&status=${value}`,
    `queues/wakes/w-1/flow?depth=${value}&maxChildren=${value}`,
    `queues/wakes/${value || 'x'}`,
    `queues/${value || 'x'}/w-1`,
    `job-schedulers?queueName=${value}`,
  ]);
  for (const path of paths) {
    const { statusCode } = await app.inject({ url: `/admin/queues/api/${path}`, headers: bearer(READ) });
    expect([path, statusCode < 500]).toEqual([path, true]);
  }
  expect(log.lines.filter(({ event }) => event === 'api.request_failed')).toEqual([]);
});

describe('event streams', () => {
  test('of one address with the read token leave places for the full token and for other addresses', async ({ ns }) => {
    const { app } = await api(ns, TOKEN, READ);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const open = async (token: string, localAddress: string) => {
      const options = {
        host: '127.0.0.1',
        port,
        path: '/v1/events',
        headers: bearer(token),
        localAddress,
        agent: false,
      };
      const request = get(options);
      onTestFinished(() => void request.destroy());
      const [response]: IncomingMessage[] = await once(request, 'response');
      response?.resume().on('error', () => undefined);
      return response;
    };
    const many = (address: string) => Promise.all(Array.from({ length: 60 }, () => open(READ, address)));
    const [first, second] = [await many('127.0.0.1'), await many('127.0.0.2')];
    const accepted = (all: typeof first) => all.filter((response) => response?.statusCode === 200);
    expect([accepted(first).length, accepted(second).length]).toEqual([50, 50]);
    expect((await open(TOKEN, '127.0.0.1'))?.statusCode).toBe(200);
    const ended = new Promise((resolve) => {
      for (const response of [...accepted(first), ...accepted(second)]) response?.once('close', resolve);
    });
    expect((await open(READ, '127.0.0.3'))?.statusCode).toBe(200);
    await ended;
  });

  test('end in favour of a caller with fewer, and a place is free once its stream ends', () => {
    const places = streamPlaces({ ofRight: 3, ofAddress: 2 });
    const ended: string[] = [];
    const take = (name: string, address: string) => places.take('look', address, () => void ended.push(name));
    const free = take('a1', 'a');
    expect([take('a2', 'a'), take('a3', 'a')]).toEqual([expect.any(Function), undefined]);
    free?.();
    expect([take('a4', 'a'), take('b1', 'b')]).not.toContain(undefined);
    expect([take('c1', 'c') === undefined, ended]).toEqual([false, ['a2']]);
    // Three addresses with one stream each: nobody has more than a new caller would take from them.
    expect([take('d1', 'd') === undefined, ended]).toEqual([false, ['a2', 'a4']]);
    expect(take('d2', 'd')).toBeUndefined();
  });
});

test('Bull Board shows invisible characters in jobs as marks', async ({ ns }) => {
  const { app } = await api(ns, TOKEN, READ);
  await ns.queue.add('wake', { wake: aWake({ title: 'a\u202eb\u009bc' }) });
  const url = '/admin/queues/api/queues?activeQueue=wakes&status=waiting';
  const { body } = await app.inject({ url, headers: bearer(READ) });
  expect(body).toContain('"a\uFFFDb\uFFFDc"');
});

test('answers may not be stored, except for files', async ({ ns }) => {
  const { app } = await api(ns, TOKEN);
  for (const url of ['/v1/account', '/v1/none', '/metrics', '/docs/json', '/admin/queues/', '/healthz']) {
    const { headers } = await app.inject({ url, headers: bearer(TOKEN) });
    expect([url, headers['cache-control']]).toEqual([url, 'no-store']);
  }
  expect((await app.inject('/v1/account')).headers['cache-control']).toBe('no-store');
});
