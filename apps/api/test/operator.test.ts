/** What the person on call asks: what is going on, why was I woken, what was found, what does it cost. */
import { appendFileSync } from 'node:fs';
import { ledger, readSpend } from '@kora-wake/shared/store/budget-ledger';
import { sourceId } from '@kora-wake/shared/store/keys';
import { deliverJobOptions } from '@kora-wake/shared/store/queues';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { Worker } from 'bullmq';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { z } from 'zod';
import { overview } from '../../../docs/client.ts';
import { append, aWake, ending, eventually, type Namespace, openWindow, test } from '../../../test/support/fixtures.ts';
import { api } from './api.ts';

const TOKEN = 'the-token-of-this-test';
const HOUR = 3_600_000;
const onEachRung = (usd: number) => ({ normal: usd, warn_75: usd, downshift_90: usd });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const report: Report = {
  kind: 'diagnosis',
  text: 'The token expired.\nNext step: renew it.',
  verdict: 'confirmed',
  evidence: [{ source: 'call-1', quote: '401' }],
  droppedQuotes: 1,
  model: 'claude-sonnet-5-5',
  usage: { ...NO_USAGE, inputTokens: 500, outputTokens: 60 },
  costUsd: 0.0016,
  durationMs: 1_200,
  calls: [{ route: 'probe_investigation', model: 'claude-sonnet-5-5', usage: NO_USAGE, durationMs: 1_000 }],
  toolCalls: [{ source: 'call-1', name: 'http_check', status: 'ok', durationMs: 40 }],
};

/** A wake that was investigated so long ago, and told. */
async function told(ns: Namespace, id: string, ago: number, more: Partial<Wake> = {}): Promise<Wake> {
  const wake = aWake({ id, emittedAt: Date.now() - ago, ...more });
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now() - ago);
  const posted = { channel: 'D1', ts: '1.2' };
  const at = Date.now() - ago + 2_000;
  await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at, dmStatus: 'sent', posted });
  return wake;
}

/** A delivery that failed for good. */
async function dead(ns: Namespace, id: string, reason: string): Promise<string> {
  const wake = aWake({ id, category: id });
  const job = await ns.deliveries.add('deliver', { wake, report }, { ...deliverJobOptions(id), attempts: 1 });
  const worker = new Worker(
    'deliveries',
    async () => {
      throw new Error(reason);
    },
    { connection: ns.redis, prefix: ns.prefix },
  );
  await eventually(() => job.isFailed());
  await worker.close();
  return job.id ?? '';
}

describe('investigations', () => {
  test('are listed newest first, by window and probe, in pages that hold still while more arrive', async ({ ns }) => {
    const { app } = await api(ns);
    for (const [i, ago] of [1, 2, 3, 30, 24 * 9].entries()) await told(ns, `w-${i}`, ago * HOUR);
    await told(ns, 'w-other', HOUR / 2, { probe: 'a/b:c %' });
    const ids = async (query: string) => {
      const { entries, nextCursor } = (await app.inject(`/v1/investigations?${query}`)).json();
      return { ids: entries.map(({ wakeId }: { wakeId: string }) => wakeId), nextCursor };
    };
    expect((await ids('')).ids).toEqual(['w-other', 'w-0', 'w-1', 'w-2']);
    expect((await ids('window=7d')).ids).toEqual(['w-other', 'w-0', 'w-1', 'w-2', 'w-3']);
    expect((await ids(`probe=${encodeURIComponent('a/b:c %')}`)).ids).toEqual(['w-other']);
    const first = await ids('window=all&limit=2');
    await told(ns, 'w-new', 0);
    const second = await ids(`window=all&limit=2&cursor=${first.nextCursor}`);
    const third = await ids(`window=all&limit=9&cursor=${second.nextCursor}`);
    expect([first.ids, second.ids, third]).toEqual([
      ['w-other', 'w-0'],
      ['w-1', 'w-2'],
      { ids: ['w-3', 'w-4'], nextCursor: null },
    ]);
  });

  test('of one time are each on one page', async ({ ns }) => {
    const { app } = await api(ns);
    const at = Date.now();
    for (let i = 0; i < 7; i++) await recordInvestigation(ns.redis, ns.keys, aWake({ id: `w-${i}` }), report, at);
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = (await app.inject(`/v1/investigations?limit=2${cursor && `&cursor=${cursor}`}`)).json();
      seen.push(...page.entries.map(({ wakeId }: { wakeId: string }) => wakeId));
      cursor = page.nextCursor ?? '';
    } while (cursor);
    expect(seen.toSorted()).toEqual(Array.from({ length: 7 }, (_, i) => `w-${i}`));
  });

  test('that came in one moment, more than any page holds, are all there', async ({ ns }) => {
    const { app } = await api(ns);
    const at = Date.now();
    const ids = Array.from({ length: 1_500 }, (_, i) => `w-${i}`);
    const wakes = ids.map((id) => recordInvestigation(ns.redis, ns.keys, aWake({ id }), report, at));
    await Promise.all(wakes);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await app.inject(`/v1/investigations?limit=400${cursor}`)).json();
      seen.push(...page.entries.map(({ wakeId }: { wakeId: string }) => wakeId));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
      // The place is found even where its wake is no longer kept.
      await ns.redis.zrem(ns.keys.history, seen.at(-1) ?? '');
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  test('say in one what was asked, found, quoted, paid and told', async ({ ns }) => {
    const { app } = await api(ns);
    await told(ns, 'w-1', HOUR, { title: 'Fly is down', snapshotDetails: { apps: 0 } });
    await ns.redis.hset(ns.keys.wake('w-1'), 'suppressed', 7, 'lastSuppressedAt', Date.now());
    expect((await app.inject('/v1/investigations/w-1')).json()).toMatchObject({
      wakeId: 'w-1',
      title: 'Fly is down',
      state: 'ended',
      outcome: 'diagnosis',
      verdict: 'confirmed',
      toolCalls: 1,
      costUsd: 0.0016,
      dmStatus: 'sent',
      suppressed: 7,
      snapshotDetails: { apps: 0 },
      tools: [{ name: 'http_check', status: 'ok' }],
      evidence: [{ source: 'call-1', quote: '401' }],
      droppedQuotes: 1,
      dm: '🚨 Probe alert · fly\nThe token expired.\nNext step: renew it.',
      posted: { channel: 'D1', ts: '1.2' },
    });
    expect((await app.inject('/v1/investigations/w-2')).statusCode).toBe(404);
  });

  test('give a long diagnosis whole in one, begun in the list, and what the DM said of its delivery', async ({
    ns,
  }) => {
    const { app } = await api(ns);
    const text = `${'It points to a deploy. '.repeat(40)}\nNext step: roll back.`;
    const note = '\n\n(Delivered 7 min late: Slack could not be reached before.)';
    await recordInvestigation(ns.redis, ns.keys, aWake(), { ...report, text }, Date.now());
    const posted = { channel: 'D1', ts: '1.2', note };
    await recordOutcome(ns.redis, ns.keys, { ...ending('w-1', 'diagnosis', Date.now()), dmStatus: 'sent', posted });
    const one = (await app.inject('/v1/investigations/w-1')).json();
    expect([one.summary, one.dm, one.posted]).toEqual([
      text,
      expect.stringMatching(/roll back\.\n\n\(Delivered 7 min late.*\)$/),
      { channel: 'D1', ts: '1.2' },
    ]);
    const [listed] = (await app.inject('/v1/investigations')).json().entries;
    expect(listed.summary).toBe(`${text.slice(0, 400)}…`);
  });
});

describe('dead letters', () => {
  test('are listed newest first over both queues, retried, and dropped with a reason', async ({ ns }) => {
    const { app, written } = await api(ns);
    const one = await dead(ns, 'w-1', 'channel_not_found');
    const two = await dead(ns, 'w-2', 'operator_unset');
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

describe('dead letters, many or wanted by many', () => {
  test('are each on one page', async ({ ns }) => {
    const { app } = await api(ns);
    const ids = [];
    for (let i = 0; i < 6; i++) ids.push(await dead(ns, `w.${i}`, 'channel_not_found'));
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await app.inject(`/v1/dead-letters?limit=1${cursor}`)).json();
      seen.push(...page.entries.map(({ jobId }: { jobId: string }) => jobId));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  test.for(['retry', 'drop'])('are what the first one says: %s', async (what, { ns }) => {
    const { app, written } = await api(ns);
    const url = `/v1/dead-letters/deliveries/${await dead(ns, 'w-1', 'channel_not_found')}`;
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

  test('that are retried have no end any more, and the account adds up', async ({ ns }) => {
    const { app } = await api(ns);
    await ns.redis.hset(ns.keys.counters, 'rows', 1, 'enqueued', 1);
    await recordInvestigation(ns.redis, ns.keys, aWake(), report, Date.now() - 60_000);
    const jobId = await dead(ns, 'w-1', 'channel_not_found');
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
      await dead(ns, 'w-1', 'channel_not_found');
      const id = encodeURIComponent(name);
      const retry = await app.inject({ method: 'POST', url: `/v1/dead-letters/deliveries/${id}/retry` });
      expect(retry.statusCode).toBe(404);
      const board = await app.inject(`/admin/queues/api/queues/deliveries/${id}`);
      expect(board.statusCode).toBeLessThan(500);
    },
  );
});

describe('costs, tailer and account', () => {
  test('are what the ledger says', async ({ ns }) => {
    const { app } = await api(ns);
    const money = ledger(ns.redis, ns.keys, 200, Date.now, () => 'id');
    await (await money.reserve(onEachRung(1)))?.charge({
      usd: 0.25,
      route: 'probe_investigation',
      model: 'claude-sonnet-5-5',
    });
    await (await money.reserve(onEachRung(1)))?.charge({
      usd: 0.5,
      route: 'tool_loop_iteration',
      model: 'claude-haiku-4-5',
    });
    await money.reserve(onEachRung(2));
    const day = new Date().toISOString().slice(0, 10);
    expect((await app.inject('/v1/costs')).json()).toMatchObject({
      rung: 'normal',
      budgetUsd: 200,
      month: day.slice(0, 7),
      spentMonthUsd: 0.75,
      spentTodayUsd: 0.75,
      reservedUsd: 2,
      days: [{ day, usd: 0.75 }],
      byModel: expect.arrayContaining([{ model: 'claude-haiku-4-5', usd: 0.5 }]),
    });
  });

  test('are at the last rung once a call was refused, until one goes through or the budget is raised', async ({
    ns,
  }) => {
    const { app } = await api(ns);
    const rung = async () => (await app.inject('/v1/costs')).json().rung;
    const money = ledger(ns.redis, ns.keys, 200, Date.now, () => 'id');
    await (await money.reserve(onEachRung(199.5)))?.charge({ usd: 199.5, route: 'r', model: 'm' });
    expect(await rung()).toBe('downshift_90');
    expect(await money.reserve(onEachRung(1))).toBeUndefined();
    expect(await rung()).toBe('hard_stop_100');
    expect(await readSpend(ns.redis, ns.keys, 300, Date.now())).toMatchObject({ tier: 'normal' });
    await (await money.reserve(onEachRung(0.1)))?.release();
    expect(await rung()).toBe('downshift_90');
  });

  test('are what is followed, and how far behind', async ({ ns, logPath }) => {
    const { app } = await api(ns);
    append(logPath, 'a row');
    const id = sourceId(logPath);
    await ns.redis.sadd(ns.keys.sources, id);
    const { ino } = await import('node:fs').then((fs) => fs.statSync(logPath, { bigint: true }));
    const position = JSON.stringify({ files: [{ inode: String(ino), offset: 2 }], finished: [] });
    await ns.redis.hset(ns.keys.source(id), { path: logPath, position, committedAt: 1_000, lastRowAt: 500 });
    await ns.redis.set(ns.keys.lease(id), 'host:12:token');
    expect((await app.inject('/v1/tailer')).json().sources).toEqual([
      {
        path: logPath,
        offset: 2,
        size: 6,
        lagBytes: 4,
        lastRowAt: '1970-01-01T00:00:00.500Z',
        committedAt: '1970-01-01T00:00:01.000Z',
        holder: 'host:12',
      },
    ]);
    appendFileSync(logPath, 'a row that is only beg');
    expect((await app.inject('/v1/tailer')).json().sources).toMatchObject([{ size: 28, lagBytes: 4 }]);
    await ns.redis.hset(ns.keys.counters, 'rows', 3, 'enqueued', 1, 'coalesced', 1);
    expect((await app.inject('/v1/account')).json()).toMatchObject({ rows: 3, unaccounted: 2 });
  });
});

test('metrics are in the text that Prometheus reads, and say what Redis says', async ({ ns }) => {
  const { app } = await api(ns);
  await openWindow(ns, aWake());
  await ns.redis.hset(
    ns.keys.counters,
    'rows',
    5,
    'enqueued',
    1,
    'coalesced',
    1,
    'rejected:stale',
    1,
    'mended:delivery',
    2,
  );
  const scrape = async () => {
    const response = await app.inject('/metrics');
    expect(response.headers['content-type']).toContain('text/plain');
    return response.body;
  };
  await scrape();
  const lines = (await scrape()).split('\n');
  for (const line of [
    'kora_wake_rows_total{decision="enqueued",reason=""} 1',
    'kora_wake_rows_total{decision="rejected",reason="stale"} 1',
    'kora_wakes_unaccounted 2',
    'kora_repaired_total{kind="delivery"} 2',
    'kora_debounce_windows 1',
    'kora_queue_jobs{queue="wakes",state="waiting"} 1',
    'kora_deliveries_held 0',
    'kora_oldest_pending_seconds 0',
    'kora_budget_rung{rung="normal"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});

describe('who may', () => {
  test('a read token looks at everything and changes nothing', async ({ ns }) => {
    const { app } = await api(ns, TOKEN, 'only-looking');
    const status = async (method: 'GET' | 'DELETE' | 'POST', url: string, token: string) =>
      (await app.inject({ method, url, headers: bearer(token) })).statusCode;
    expect(await status('GET', '/v1/account', 'only-looking')).toBe(200);
    expect(await status('DELETE', '/v1/debounce?all=true', 'only-looking')).toBe(403);
    expect(await status('POST', '/v1/queues/wakes/pause', 'only-looking')).toBe(403);
    expect(await status('POST', '/v1/queues/wakes/pause', TOKEN)).toBe(200);
    expect(await status('PUT' as 'POST', '/admin/queues/api/queues/wakes/pause', 'only-looking')).toBe(403);
  });

  test('without a token no page of another name or origin is answered', async ({ ns }) => {
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

  test('guesses at the token are slowed down, and those who know it or were not asked yet are not', async ({ ns }) => {
    const { app } = await api(ns, TOKEN);
    const ask = (headers = {}) => app.inject({ url: '/v1/account', headers });
    const guesses = [];
    for (let i = 0; i < 25; i++) guesses.push((await ask(bearer(`guess-${i}`))).statusCode);
    expect([guesses[0], guesses.at(-1), (await ask(bearer(TOKEN))).statusCode]).toEqual([401, 429, 200]);
    expect(Number((await ask(bearer('guess'))).headers['retry-after'])).toBeGreaterThan(0);
    const { statusCode, headers } = await ask();
    expect([statusCode, headers['www-authenticate']]).toEqual([401, expect.stringContaining('Basic')]);
  });

  test('a browser that knows the token changes nothing for a page of another address', async ({ ns }) => {
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
    const link = { ...known, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await app.inject({ url: '/v1/account', headers: link })).statusCode).toBe(200);
  });

  test('without a token a link from elsewhere is followed, and whoever asks is told what they may', async ({ ns }) => {
    const { app } = await api(ns);
    const get = (headers: Record<string, string>) => app.inject({ url: '/v1/me', headers });
    const cross = { host: 'LOCALHOST:3900', 'sec-fetch-site': 'cross-site' };
    expect((await get(cross)).statusCode).toBe(403);
    expect((await get({ ...cross, 'sec-fetch-mode': 'navigate' })).json()).toEqual({ name: 'local', may: 'change' });
    const { app: asking } = await api(ns, TOKEN, 'only-looking');
    const me = async (token: string) => (await asking.inject({ url: '/v1/me', headers: bearer(token) })).json();
    expect([await me(TOKEN), await me('only-looking')]).toEqual([
      { name: 'token', may: 'change' },
      { name: 'token', may: 'look' },
    ]);
  });

  test('who changed what, when and why is kept, in the log and to be shown', async ({ ns }) => {
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

  test('what is changed in Bull Board is on record too', async ({ ns }) => {
    const { app, written } = await api(ns);
    const jobId = await dead(ns, 'w-1', 'channel_not_found');
    const ask = (url: string) => app.inject({ method: 'PUT', url: `/admin/queues/api/queues/deliveries/${url}` });
    expect((await ask(`${jobId}/clean`)).statusCode).toBeLessThan(300);
    expect((await ask('no-such-job/clean')).statusCode).toBe(404);
    expect(await ns.deliveries.getJob(jobId)).toBeUndefined();
    const details = { by: 'local', request: `PUT /queues/deliveries/${jobId}/clean` };
    expect(written).toMatchObject([{ seam: 'operator.bull_board_used', details }]);
    expect((await app.inject('/v1/operations')).json().entries).toMatchObject([{ what: 'bull_board_used' }]);
  });

  test('every answer forbids frames, sniffing and scripts from elsewhere', async ({ ns }) => {
    const { app } = await api(ns);
    const { headers } = await app.inject('/v1/account');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

test('the client in docs/ is typed by the API and reads it', async ({ ns }) => {
  const { app } = await api(ns, TOKEN);
  await told(ns, 'w-old', HOUR);
  await openWindow(ns, aWake({ id: 'w-new', probe: 'vercel' }));
  const url = await app.listen({ port: 0 });
  expect(await overview(url, TOKEN)).toEqual(['fly/down: diagnosis', 'vercel/down: 0 suppressed']);
  await expect(overview(url, 'wrong')).rejects.toThrow('The token is missing or wrong');
});

test('what is too large is refused over a real socket, and the next request is answered', async ({ ns }) => {
  const { app } = await api(ns);
  const url = await app.listen({ port: 0 });
  const drop = (reason: string) =>
    fetch(`${url}/v1/dead-letters/deliveries/none`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason }),
    });
  const large = await drop('x'.repeat(300_000));
  expect([large.status, await large.json()]).toEqual([413, expect.objectContaining({ error: 'Payload Too Large' })]);
  expect((await drop('x'.repeat(501))).status).toBe(400);
  expect((await drop('mended')).status).toBe(404);
  const probe = (name: string) => fetch(`${url}/v1/debounce/${name}/down`);
  expect((await probe('x'.repeat(200_000))).status).toBe(431);
  expect((await fetch(`${url}/v1/account`, { headers: { 'x-reason': 'x'.repeat(200_000) } })).status).toBe(431);
});

test('names of any script and length, and those that mean a folder, work wherever a window is named', async ({
  ns,
}) => {
  const { app } = await api(ns);
  const url = await app.listen({ port: 0 });
  const json = async (path: string, method = 'GET') => (await fetch(`${url}${path}`, { method })).json();
  const emoji = '🔥'.repeat(3_000);
  const path = `/v1/debounce/${encodeURIComponent(emoji)}/${encodeURIComponent(emoji)}`;
  await openWindow(ns, aWake({ id: 'w-1', probe: emoji, category: emoji }));
  await openWindow(ns, aWake({ id: 'w-2', probe: emoji, category: 'z' }));
  expect(await json(path)).toMatchObject({ wakeId: 'w-1' });
  const of = `probe=${encodeURIComponent(emoji)}`;
  const first: any = await json(`/v1/debounce?limit=1&${of}`);
  const second: any = await json(`/v1/debounce?limit=1&${of}&cursor=${first.nextCursor}`);
  expect([first, second].map(({ entries }) => entries[0].wakeId)).toEqual(['w-1', 'w-2']);
  expect(await json(path, 'DELETE')).toMatchObject({ cleared: true, entry: { wakeId: 'w-1' } });

  await openWindow(ns, aWake({ id: 'w-3', probe: '..', category: '.' }));
  const dots = '/v1/debounce?probe=..&category=.';
  expect(await json(dots)).toMatchObject({ entries: [{ wakeId: 'w-3' }], nextCursor: null });
  expect(await json(dots, 'DELETE')).toEqual({ cleared: 1 });
  expect(await json(dots, 'DELETE')).toEqual({ cleared: 0 });
});

test('whatever is put into any parameter of any route, the answer is a 2xx or a 4xx that says why', {
  timeout: 60_000,
}, async ({ ns }) => {
  const { app } = await api(ns);
  await openWindow(ns, aWake());
  const { paths } = (await app.inject('/docs/json')).json();
  // A stream has no end to be waited for.
  delete paths['/v1/events'];
  const routes = Object.entries<Record<string, { parameters?: Array<{ in: string; name: string }> }>>(paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({
        path,
        method: z.enum(['GET', 'POST', 'DELETE']).parse(method.toUpperCase()),
        query: parameters.filter((each) => each.in === 'query').map(({ name }) => name),
      })),
  );
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1e9',
      '99999999999999999999',
      '../..',
      '%',
      '%00',
      'é',
      '🔥',
      "';--",
      '{}',
      'null',
      'x'.repeat(3_000),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      fc.array(nasty, { minLength: 6, maxLength: 6 }),
      async (route, values) => {
        const take = () => encodeURIComponent((values.shift() ?? '').toWellFormed());
        const path = route.path.replace(/\{\w+\}/g, take);
        const query = route.query.map((name) => `${name}=${take()}`).join('&');
        const payload = route.method === 'DELETE' && path.includes('dead-letters') ? { reason: values[0] } : undefined;
        const response = await app.inject({
          method: route.method,
          url: `${path}?${query}`,
          ...(payload && { payload }),
        });
        const ok = response.statusCode < 300 || (response.statusCode >= 400 && response.statusCode < 500);
        expect(
          { ok, said: response.statusCode < 300 || response.json().message !== '' },
          `${route.method} ${path}`,
        ).toEqual({ ok: true, said: true });
      },
    ),
    { numRuns: 400 },
  );
});
