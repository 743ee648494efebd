/** Access to the API, and the record of changes. */
import { describe, expect } from 'vitest';
import { aWake, openWindow, test } from '../../../test/support/fixtures.ts';
import { api, bearer, deadLetter, TOKEN } from './api.ts';

describe('rights', () => {
  test('a read token reads everything and changes nothing', async ({ ns }) => {
    const { app } = await api(ns, TOKEN, 'read-only-token');
    const status = async (method: 'GET' | 'DELETE' | 'POST', url: string, token: string) =>
      (await app.inject({ method, url, headers: bearer(token) })).statusCode;
    expect(await status('GET', '/v1/account', 'read-only-token')).toBe(200);
    expect(await status('DELETE', '/v1/debounce?all=true', 'read-only-token')).toBe(403);
    expect(await status('POST', '/v1/queues/wakes/pause', 'read-only-token')).toBe(403);
    expect(await status('POST', '/v1/queues/wakes/pause', TOKEN)).toBe(200);
    expect(await status('PUT' as 'POST', '/admin/queues/api/queues/wakes/pause', 'read-only-token')).toBe(403);
  });

  test('without a token, requests for another host or from another origin are refused', async ({ ns }) => {
    const { app } = await api(ns);
    const status = async (headers: Record<string, string>, method: 'GET' | 'POST' = 'POST') =>
      (await app.inject({ method, url: '/v1/queues/wakes/resume', headers })).statusCode;
    expect(await status({ host: 'evil.example:3900' })).toBe(403);
    expect(await status({ host: '127.0.0.1.evil.example' })).toBe(403);
    expect(await status({ host: '127.0.0.1:3900', origin: 'http://evil.example' })).toBe(403);
    expect(await status({ host: '127.0.0.1:3900', origin: 'null' })).toBe(403);
    expect(await status({ host: '127.0.0.1:3900', 'sec-fetch-site': 'cross-site' })).toBe(403);
    for (const host of ['127.0.0.1:3900', 'localhost:3900', '[::1]:3900']) {
      expect(await status({ host, origin: `http://${host}` })).toBe(200);
    }
  });

  test('a browser that knows the token changes nothing for a page of another origin', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    const known = { authorization: `Basic ${Buffer.from(`jo:${TOKEN}`).toString('base64')}`, host: 'kora.example' };
    const pause = async (headers: Record<string, string>) =>
      (await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause', headers: { ...known, ...headers } }))
        .statusCode;
    expect(await pause({ origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await pause({ origin: 'http://evil.kora.example', 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await pause({ origin: 'http://evil.example' })).toBe(403);
    expect(await pause({ origin: 'null' })).toBe(403);
    expect(await ns.queue.isPaused()).toBe(false);
    // Its own page, also behind a proxy that speaks TLS or names another host.
    expect(await pause({ origin: 'https://kora.example' })).toBe(200);
    expect(await pause({ origin: 'https://proxy.example', 'sec-fetch-site': 'same-origin' })).toBe(200);
  });

  test('a browser that knows the token reads nothing for a page of another origin, but follows its links', async ({
    ns,
  }) => {
    const { app } = await api(ns, TOKEN);
    const known = { authorization: `Basic ${Buffer.from(`jo:${TOKEN}`).toString('base64')}`, host: 'kora.example' };
    const read = async (headers: Record<string, string>, url = '/v1/account') =>
      (await app.inject({ url, headers: { ...known, ...headers } })).statusCode;
    // A form, an image or a script of that page, and a request of its code.
    expect(await read({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await read({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' })).toBe(403);
    expect(await read({ origin: 'http://evil.example' })).toBe(403);
    expect(await read({ origin: 'http://evil.example' }, '/admin/queues/api/queues')).toBe(403);
    expect(await read({ origin: 'http://kora.example' })).toBe(200);
    expect(await read({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await read({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).toBe(200);
    expect(await read({})).toBe(200);
  });

  test('without a token, a request that a proxy forwarded is refused with the remedy', async ({ ns }) => {
    const { app } = await api(ns);
    for (const name of [
      'forwarded',
      'X-Forwarded-For',
      'x-forwarded-host',
      'x-forwarded-server',
      'x-real-ip',
      'via',
      'cf-connecting-ip',
    ]) {
      const answer = await app.inject({ url: '/v1/account', headers: { [name]: '10.0.0.9' } });
      expect([name, answer.statusCode]).toEqual([name, 403]);
      expect(answer.json().message).toMatch(/Set KORA_API_TOKEN/);
      expect((await app.inject({ url: '/healthz', headers: { [name]: '10.0.0.9' } })).statusCode).toBe(200);
    }
    const { app: asking } = await api(ns, TOKEN);
    const forwarded = { ...bearer(TOKEN), 'x-forwarded-for': '10.0.0.9' };
    expect((await asking.inject({ url: '/v1/account', headers: forwarded })).statusCode).toBe(200);
  });

  test('without a token a link from another site works, and /v1/me names the rights of the caller', async ({ ns }) => {
    const { app } = await api(ns);
    const get = (headers: Record<string, string>) => app.inject({ url: '/v1/me', headers });
    const cross = { host: 'LOCALHOST:3900', 'sec-fetch-site': 'cross-site' };
    expect((await get(cross)).statusCode).toBe(403);
    expect((await get({ ...cross, 'sec-fetch-mode': 'navigate' })).json()).toEqual({ name: 'local', may: 'change' });
    const { app: asking } = await api(ns, TOKEN, 'read-only-token');
    const me = async (token: string) => (await asking.inject({ url: '/v1/me', headers: bearer(token) })).json();
    expect([await me(TOKEN), await me('read-only-token')]).toEqual([
      { name: 'token', may: 'change' },
      { name: 'token', may: 'look' },
    ]);
  });

  test('changes are recorded with caller, time and reason in the audit log and in /v1/operations', async ({ ns }) => {
    const { app, written } = await api(ns, TOKEN);
    const authorization = `Basic ${Buffer.from(`jo:${TOKEN}`).toString('base64')}`;
    await openWindow(ns, aWake());
    const headers = { authorization, 'x-reason': 'known issue' };
    await app.inject({ method: 'DELETE', url: '/v1/debounce/fly/down', headers });
    await app.inject({ method: 'POST', url: '/v1/queues/wakes/pause', headers: bearer(TOKEN) });
    expect(written).toMatchObject([
      {
        seam: 'operator.window_cleared',
        source: null,
        details: { by: 'jo', reason: 'known issue', probe: 'fly', category: 'down', wake_id: 'w-1' },
      },
      { seam: 'operator.queue_paused', details: { by: 'token', reason: null, queue: 'wakes' } },
    ]);
    const reasons = [];
    for (const [query, header] of [
      [`?reason=${encodeURIComponent('Störung 🔥')}`, ''],
      ['', Buffer.from('Störung bekannt').toString('latin1')],
      ['', 'é only Latin-1'],
    ] as const) {
      const asked = { ...bearer(TOKEN), ...(header && { 'x-reason': header }) };
      await app.inject({ method: 'POST', url: `/v1/queues/wakes/resume${query}`, headers: asked });
      reasons.push(written.at(-1)?.details.reason);
    }
    expect(reasons).toEqual(['Störung 🔥', 'Störung bekannt', 'é only Latin-1']);
    await ns.redis.ltrim(ns.keys.operations, 3, -1);
    const { entries } = (await app.inject({ url: '/v1/operations', headers: bearer(TOKEN) })).json();
    expect(entries).toMatchObject([
      { what: 'queue_paused', by: 'token', details: { queue: 'wakes' } },
      { what: 'window_cleared', by: 'jo', reason: 'known issue' },
    ]);
  });

  test('changes in Bull Board are recorded too', async ({ ns }) => {
    const { app, written } = await api(ns);
    const jobId = await deadLetter(ns, 'w-1', 'channel_not_found');
    const ask = (url: string) => app.inject({ method: 'PUT', url: `/admin/queues/api/queues/deliveries/${url}` });
    expect((await ask(`${jobId}/clean`)).statusCode).toBeLessThan(300);
    expect((await ask('no-such-job/clean')).statusCode).toBe(404);
    expect(await ns.deliveries.getJob(jobId)).toBeUndefined();
    const details = { by: 'local', request: `PUT /queues/deliveries/${jobId}/clean` };
    expect(written).toMatchObject([{ seam: 'operator.bull_board_used', details }]);
    expect((await app.inject('/v1/operations')).json().entries).toMatchObject([{ what: 'bull_board_used' }]);
  });

  test('every answer forbids frames, sniffing and foreign scripts', async ({ ns }) => {
    const { app } = await api(ns);
    const { headers } = await app.inject('/v1/account');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});
