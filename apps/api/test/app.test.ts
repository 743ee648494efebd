import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Redis } from 'ioredis';
import { describe, expect } from 'vitest';
import { aWake, type Namespace, openWindow, test } from '../../../test/support/fixtures.ts';
import { api } from './api.ts';

const TOKEN = 'the-token-of-this-test';

async function open(ns: Namespace, probe: string, category = 'down', id = `w-${probe.slice(0, 20)}x`): Promise<Wake> {
  const wake = aWake({ id, probe, category });
  await openWindow(ns, wake);
  return wake;
}

const docs = join(import.meta.dirname, '../../../docs');

describe('queues', () => {
  test('are listed with their job counts', async ({ ns }) => {
    const { app } = await api(ns);
    await open(ns, 'fly');
    const { queues } = (await app.inject('/v1/queues')).json();
    expect(queues).toEqual([
      {
        name: 'wakes',
        isPaused: false,
        counts: { waiting: 1, active: 0, delayed: 0, prioritized: 0, completed: 0, failed: 0 },
        workers: 0,
        oldestWaitingMs: expect.any(Number),
      },
      expect.objectContaining({ name: 'deliveries', oldestWaitingMs: null }),
      expect.objectContaining({ name: 'followups', oldestWaitingMs: null }),
    ]);
  });

  test('count jobs of a paused queue as waiting, and give the age of the oldest', async ({ ns }) => {
    const { app } = await api(ns);
    const wake = await open(ns, 'fly');
    await open(ns, 'vercel');
    await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'timestamp', Date.now() - 60_000);
    await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause' });
    const [wakes] = (await app.inject('/v1/queues')).json().queues;
    expect(wakes).toMatchObject({ isPaused: true, counts: { waiting: 2 } });
    expect(wakes.oldestWaitingMs).toBeGreaterThanOrEqual(60_000);
  });

  test('are paused and resumed', async ({ ns }) => {
    const { app } = await api(ns);
    const post = async (path: string) => (await app.inject({ method: 'POST', url: path })).json();
    expect(await post('/v1/queues/wakes/pause')).toEqual({ name: 'wakes', isPaused: true });
    expect(await ns.queue.isPaused()).toBe(true);
    expect(await post('/v1/queues/wakes/resume')).toEqual({ name: 'wakes', isPaused: false });
    expect(await post('/v1/queues/nothing/pause')).toEqual({
      statusCode: 404,
      error: 'Not Found',
      message: 'There is no such queue; there are wakes, deliveries, and followups.',
    });
  });
});

describe('debounce windows', () => {
  test('are listed in pages, and by probe', async ({ ns }) => {
    const { app } = await api(ns);
    for (let i = 0; i < 5; i++) await open(ns, `probe-${i}`);
    const first = (await app.inject('/v1/debounce?limit=3')).json();
    const second = (await app.inject(`/v1/debounce?limit=3&cursor=${first.nextCursor}`)).json();
    expect([...first.entries, ...second.entries].map(({ probe }) => probe)).toEqual(
      [0, 1, 2, 3, 4].map((i) => `probe-${i}`),
    );
    expect(second.nextCursor).toBeNull();
    const one = (await app.inject('/v1/debounce?probe=probe-2')).json();
    expect(one.entries).toEqual([
      {
        probe: 'probe-2',
        category: 'down',
        wakeId: 'w-probe-2x',
        severity: 'critical',
        openedAt: expect.stringMatching(/Z$/),
        expiresAt: expect.stringMatching(/Z$/),
        remainingMs: expect.any(Number),
        suppressed: 0,
        lastSuppressedAt: null,
      },
    ]);
  });

  test('are sorted, found by a part of a name, and counted over all pages', async ({ ns }) => {
    const { app } = await api(ns);
    for (const probe of ['fly', 'flyer', 'vercel']) await open(ns, probe);
    for (const [probe, rows] of [
      ['flyer', 9],
      ['vercel', 4],
    ] as const) {
      await ns.redis.hset(ns.keys.wake(`w-${probe}x`), 'suppressed', rows);
    }
    // The index is filled from the records.
    await ns.redis.del(ns.keys.windowRepeats);
    const get = async (query: string) => (await app.inject(`/v1/debounce?${query}`)).json();
    const found = async (query: string) => {
      const { entries, ...more } = await get(query);
      return { ...more, probes: entries.map(({ probe }: { probe: string }) => probe) };
    };
    expect(await found('sort=suppressed')).toEqual({
      probes: ['flyer', 'vercel', 'fly'],
      nextCursor: null,
      open: 3,
      suppressed: 13,
    });
    const first = await found('sort=suppressed&limit=2');
    expect(first).toMatchObject({ probes: ['flyer', 'vercel'], open: 3, suppressed: 13 });
    expect(await found(`sort=suppressed&limit=2&cursor=${first.nextCursor}`)).toMatchObject({ probes: ['fly'] });
    expect(await found('q=FLY&limit=1')).toMatchObject({ probes: ['fly'], open: 2, suppressed: 9 });
    expect(await found('probe=vercel')).toMatchObject({ probes: ['vercel'], open: 1, suppressed: 4 });
    expect(await found('probe=vercel&category=down')).toMatchObject({ probes: ['vercel'], open: 1, suppressed: 4 });
    expect(await found('probe=vercel&category=up')).toMatchObject({ probes: [], open: 0, suppressed: 0 });
    expect(await found('probe=vercel&category=down&q=fly')).toMatchObject({ probes: [], open: 0 });
    expect(await found('category=down&sort=expires')).toMatchObject({ probes: ['fly', 'flyer', 'vercel'], open: 3 });
    for (const other of ['', 'sort=expires', 'sort=suppressed&q=fly', 'sort=suppressed&probe=fly']) {
      expect(await get(`${other}&cursor=${first.nextCursor}`)).toMatchObject({
        statusCode: 400,
        message: 'The cursor belongs to another list. Sort and filters must be those of the previous page.',
      });
    }
  });

  test.for(['fly', 'a/b', 'a:b', '100%', '😀', '<script>', 'p'.repeat(3_000), '..%2f', '__proto__'])(
    'of a probe named %.20s are found and cleared by its encoded name',
    async (probe, { ns }) => {
      const { app } = await api(ns);
      await open(ns, probe, probe, 'w-1x');
      const url = `/v1/debounce/${encodeURIComponent(probe)}/${encodeURIComponent(probe)}`;
      expect((await app.inject(url)).json()).toMatchObject({ probe, category: probe });
      expect((await app.inject({ method: 'DELETE', url })).json()).toMatchObject({
        cleared: true,
        entry: { probe, wakeId: 'w-1x' },
      });
      expect((await app.inject(url)).statusCode).toBe(404);
      expect((await app.inject({ method: 'DELETE', url })).json()).toEqual({
        statusCode: 404,
        error: 'Not Found',
        message: 'No window is open for this probe and category.',
      });
    },
  );

  test('are cleared by probe or all at once, and only if the request says which', async ({ ns }) => {
    const { app } = await api(ns);
    for (const probe of ['a', 'b', 'c']) await open(ns, probe);
    const clear = async (query: string) => (await app.inject({ method: 'DELETE', url: `/v1/debounce${query}` })).json();
    expect(await clear('')).toMatchObject({
      statusCode: 400,
      error: 'Bad Request',
      message: expect.stringContaining('either probe=NAME'),
    });
    expect(await clear('?all=false')).toMatchObject({ statusCode: 400 });
    expect(await clear('?probe=a&all=true')).toMatchObject({ statusCode: 400 });
    expect(await clear('?category=down')).toMatchObject({ statusCode: 400 });
    expect(await clear('?probe=a')).toEqual({ cleared: 1 });
    expect(await clear('?all=true')).toEqual({ cleared: 2 });
    expect(await clear('?all=true')).toEqual({ cleared: 0 });
  });
});

describe('bad requests', () => {
  test.for([
    ['GET', '/v1/debounce?limit=0'],
    ['GET', '/v1/debounce?limit=501'],
    ['GET', '/v1/debounce?limit=-1'],
    ['GET', '/v1/debounce?limit=1.5'],
    ['GET', '/v1/debounce?limit=ten'],
    ['GET', '/v1/debounce?limit=1&limit=2'],
    ['GET', '/v1/debounce?cursor=%00'],
    ['GET', '/v1/debounce?cursor='],
    ['GET', '/v1/debounce?probe=a&probe=b'],
    ['GET', '/v1/debounce?probe='],
    ['GET', '/v1/debounce?q='],
    ['GET', '/v1/debounce?sort=loudest'],
    ['GET', `/v1/debounce?cursor=${Buffer.from('["name",0,"\\ud800","b"]').toString('base64url')}`],
    ['DELETE', '/v1/debounce?probe='],
    ['GET', `/v1/debounce?probe=a&cursor=${Buffer.from('b:c').toString('base64url')}`],
    ['GET', '/v1/debounce/%zz/x'],
    ['GET', '/v1/debounce/only-a-probe'],
    ['DELETE', '/v1/debounce/a/b/c'],
    ['POST', '/v1/queues/wakes/explode'],
    ['PUT', '/v1/debounce/a/b'],
    ['GET', '/nothing/here'],
  ] as const)('%s %s is a 4xx with a reason', async ([method, url], { ns }) => {
    const { app } = await api(ns);
    const response = await app.inject({ method, url });
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.statusCode).toBeLessThan(500);
    expect(response.json()).toMatchObject({
      statusCode: response.statusCode,
      error: expect.any(String),
      message: expect.stringMatching(/.{8,}/),
    });
  });

  test('with an unknown parameter are a 400 that names it, so that a typing error is not taken for an answer', async ({
    ns,
  }) => {
    const { app } = await api(ns);
    for (const path of ['/v1/debounce', '/v1/investigations', '/v1/incidents', '/v1/dead-letters', '/v1/stats']) {
      const answer = await app.inject(`${path}?prob=fly`);
      expect([path, answer.statusCode, answer.json().message]).toEqual([path, 400, expect.stringContaining('prob')]);
    }
    expect((await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause?reaso=x' })).statusCode).toBe(400);
  });

  test('with a body that is not JSON are a 400', async ({ ns }) => {
    const { app } = await api(ns);
    const response = await app.inject({
      method: 'POST',
      url: '/v1/queues/wakes/pause',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(response.statusCode).toBe(400);
  });
});

describe('access', () => {
  const basic = (password: string) => `Basic ${Buffer.from(`anyone:${password}`).toString('base64')}`;

  test('without a token is open', async ({ ns }) => {
    const { app } = await api(ns);
    expect((await app.inject('/v1/queues')).statusCode).toBe(200);
  });

  test.for([
    '/v1/queues',
    '/v1/debounce',
    '/docs',
    '/docs/json',
    '/admin/queues',
    '/admin/queues/api/queues',
    '/nothing/here',
  ])('to %s takes the token, as a bearer or as a browser', async (url, { ns }) => {
    const { app } = await api(ns, TOKEN);
    const status = async (authorization?: string) =>
      (await app.inject({ url, ...(authorization && { headers: { authorization } }) })).statusCode;
    for (const refused of [
      undefined,
      'Bearer wrong',
      `Bearer ${TOKEN}x`,
      basic('wrong'),
      'Basic !',
      TOKEN,
      'Bearer ',
    ]) {
      expect(await status(refused)).toBe(401);
    }
    for (const taken of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, basic(TOKEN)]) expect(await status(taken)).not.toBe(401);
  });

  test('refused to a script sends no challenge, so that no password dialog opens', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    for (const accept of ['application/json', 'text/event-stream']) {
      const { statusCode, headers } = await app.inject({ url: '/v1/queues', headers: { accept } });
      expect([statusCode, headers['www-authenticate']]).toEqual([401, undefined]);
    }
  });

  test('refused to a browser sends a challenge, in the shape of every error', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    const response = await app.inject('/v1/queues');
    expect(response.headers['www-authenticate']).toMatch(/^Basic realm="Kora Wake"/);
    const refusal = {
      statusCode: 401,
      error: 'Unauthorized',
      message: expect.stringContaining('Authorization: Bearer'),
    };
    expect(response.json()).toEqual(refusal);
    expect((await app.inject('/admin/queues/api/queues')).json()).toEqual(refusal);
  });

  test.for(['/healthz', '/readyz'])('to %s is always open', async (url, { ns }) => {
    const { app } = await api(ns, TOKEN);
    const response = await app.inject(url);
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }]);
  });
});

describe('without Redis', () => {
  test('the API is alive, not ready, and answers 503 with a sentence', async ({ ns }) => {
    const redis = new Redis(ns.redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    const { app } = await api({ ...ns, redis });
    redis.disconnect();
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(503);
    const response = await app.inject('/v1/debounce');
    expect([response.statusCode, response.json().message]).toEqual([503, 'Redis does not answer; try again.']);
  });
});

describe('documents', () => {
  test('OpenAPI 3.1 names every route of the API', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    const document = (await app.inject({ url: '/docs/json', headers: { authorization: `Bearer ${TOKEN}` } })).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).toSorted()).toEqual([
      '/healthz',
      '/readyz',
      '/slack/interactions',
      '/v1/account',
      '/v1/backtest',
      '/v1/costs',
      '/v1/costs/corrections',
      '/v1/dead-letters',
      '/v1/dead-letters/retry',
      '/v1/dead-letters/{queue}/{jobId}',
      '/v1/dead-letters/{queue}/{jobId}/retry',
      '/v1/debounce',
      '/v1/debounce/{probe}/{category}',
      '/v1/events',
      '/v1/hold',
      '/v1/incidents',
      '/v1/incidents/{id}',
      '/v1/incidents/{id}/acknowledge',
      '/v1/incidents/{id}/feedback',
      '/v1/incidents/{id}/resolve',
      '/v1/incidents/{id}/snooze',
      '/v1/ingest/{source}',
      '/v1/investigations',
      '/v1/investigations/{wakeId}',
      '/v1/me',
      '/v1/operations',
      '/v1/queues',
      '/v1/queues/{name}/pause',
      '/v1/queues/{name}/resume',
      '/v1/stats',
      '/v1/status',
      '/v1/tailer',
      '/v1/tailer/{id}',
      '/v1/test',
      '/v1/timeline',
      '/v1/wakes',
      '/v2/enqueue',
    ]);
    expect(document.paths['/v1/debounce'].get.parameters.map(({ name }: { name: string }) => name)).toEqual([
      'probe',
      'category',
      'q',
      'sort',
      'limit',
      'cursor',
    ]);
  });

  test('docs/openapi.json is the document that the API serves, and docs/openapi.d.ts is generated from it', async ({
    ns,
  }) => {
    const { app } = await api(ns, TOKEN);
    const { body } = await app.inject({ url: '/docs/json', headers: { authorization: `Bearer ${TOKEN}` } });
    const json = `${JSON.stringify(JSON.parse(body), null, 2)}\n`;
    // Updated by `npm run client-types`.
    await expect(json).toMatchFileSnapshot(join(docs, 'openapi.json'));
    const types = readFileSync(join(docs, 'openapi.d.ts'), 'utf8');
    expect(types.split('\n')[0]).toContain(createHash('sha256').update(json).digest('hex'));
  });

  test('every reference in OpenAPI is to a named schema, and every named schema is used', async ({ ns }) => {
    const { app } = await api(ns);
    const { body } = await app.inject('/docs/json');
    const referenced = [...body.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    const named = Object.keys(JSON.parse(body).components.schemas);
    // No answer has this schema: it documents the payloads of an event stream.
    expect(new Set([...referenced, 'LiveEvents'])).toEqual(new Set(named));
  });

  test('Bull Board shows the queues and their jobs', async ({ ns }) => {
    const { app } = await api(ns);
    await open(ns, 'fly');
    expect((await app.inject('/admin/queues')).body).toContain('Kora Wake');
    const { queues } = (await app.inject('/admin/queues/api/queues?activeQueue=wakes&page=1&jobsPerPage=10')).json();
    expect(queues.map(({ name }: { name: string }) => name)).toEqual(['wakes', 'deliveries', 'followups']);
    expect(queues[0].jobs[0].data.wake.probe).toBe('fly');
  });
});
