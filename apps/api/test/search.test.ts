/** Filters of the list of wakes, and the timeline of the same wakes. */
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import type { Report } from '@kora-wake/shared/wake/report';
import { NO_USAGE } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { aWake, type Namespace, test } from '../../../test/support/fixtures.ts';
import { api, deliveredWake, HOUR, report } from './api.ts';

type App = Awaited<ReturnType<typeof api>>['app'];

async function idsOf(app: App, query: string): Promise<string[]> {
  const answer = await app.inject(`/v1/investigations?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.json().entries.map(({ wakeId }: { wakeId: string }) => wakeId);
}

const fallback = {
  kind: 'fallback',
  code: 'sdk_timeout',
  model: 'm',
  usage: NO_USAGE,
  costUsd: 0,
  durationMs: 5,
  calls: [],
} satisfies Report;

/** A wake without an outcome. */
async function pendingWake(ns: Namespace, id: string, of: Report, more: Partial<Wake> = {}): Promise<void> {
  await recordInvestigation(ns.redis, ns.keys, aWake({ id, ...more }), of, Date.now() - HOUR);
}

async function deadWake(ns: Namespace, id: string, ago: number): Promise<void> {
  const wake = aWake({ id, probe: 'web', category: 'slow' });
  await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now() - ago);
  const failure = { code: 'channel_not_found', attempts: 1 };
  await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'dead', at: Date.now() - ago, failure });
}

describe('a list of wakes', () => {
  test('is limited by each filter, and by several together', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-fly', 4 * HOUR, { probe: 'fly', category: 'down', severity: 'critical' });
    await deliveredWake(ns, 'w-deploy', 3 * HOUR, { probe: 'fly', category: 'deploy', severity: 'warning' });
    await deadWake(ns, 'w-dead', 2 * HOUR);
    await pendingWake(ns, 'w-pending', fallback, { probe: 'db', category: 'down', severity: 'warning' });
    expect(await idsOf(app, 'probe=fly&category=down')).toEqual(['w-fly']);
    expect(await idsOf(app, 'category=down')).toEqual(['w-pending', 'w-fly']);
    expect(await idsOf(app, 'severity=warning&probe=fly')).toEqual(['w-deploy']);
    expect(await idsOf(app, 'outcome=dead')).toEqual(['w-dead']);
    expect(await idsOf(app, 'outcome=pending')).toEqual(['w-pending']);
    expect(await idsOf(app, 'outcome=diagnosis&severity=critical')).toEqual(['w-fly']);
    expect(await idsOf(app, 'verdict=confirmed')).toEqual(['w-dead', 'w-deploy', 'w-fly']);
    expect(await idsOf(app, 'verdict=likely')).toEqual([]);
  });

  test('is searched in id, names, texts, diagnosis and code, by words in any case', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', HOUR, { probe: 'fly', title: 'HTTP 401', detail: 'GET /v1/apps ÄRGER' });
    await pendingWake(ns, 'w-2', fallback, { probe: 'db', title: 'Slow İstanbul' });
    for (const q of [
      'w-1',
      'FLY',
      'http',
      'ärger',
      'a\u0308rger',
      'arger',
      'token expired',
      '401 fly',
      'renew   apps',
    ]) {
      expect([q, await idsOf(app, `q=${encodeURIComponent(q)}`)]).toEqual([q, ['w-1']]);
    }
    expect(await idsOf(app, 'q=sdk_timeout')).toEqual(['w-2']);
    expect(await idsOf(app, 'q=istanbul')).toEqual(['w-2']);
    expect(await idsOf(app, `q=${encodeURIComponent('401 db')}`)).toEqual([]);
    // A pattern is a text like any other.
    expect(await idsOf(app, `q=${encodeURIComponent('.*')}`)).toEqual([]);
  });

  test('has all wakes of a period of time, with its begin and without its end', async ({ ns }) => {
    const { app } = await api(ns);
    const at = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
    const base = Date.now() - 40 * HOUR;
    for (const [i, ms] of [0, 1, 2, 3].entries()) {
      await recordInvestigation(ns.redis, ns.keys, aWake({ id: `w-${i}` }), report, base + ms);
    }
    expect(await idsOf(app, `from=${at(base + 1)}&to=${at(base + 3)}`)).toEqual(['w-2', 'w-1']);
    expect(await idsOf(app, `to=${at(base + 1)}`)).toEqual(['w-0']);
    expect(await idsOf(app, `from=${at(base + 3)}`)).toEqual(['w-3']);
    expect(await idsOf(app, '')).toEqual([]);
    // The cursor of another search does not change the end of this one.
    const { nextCursor } = (await app.inject('/v1/investigations?window=all&limit=1')).json();
    expect(await idsOf(app, `to=${at(base + 2)}&cursor=${nextCursor}`)).toEqual(['w-1', 'w-0']);
  });

  test('of a time also has a wake from before it whose repeats were suppressed then', async ({ ns }) => {
    const { app } = await api(ns);
    const now = Date.now();
    const from = encodeURIComponent(new Date(now - 2 * HOUR).toISOString());
    for (const [id, ago, lastRepeat] of [
      ['w-long-ago', 30, 1],
      ['w-repeated', 3, 1.5],
      ['w-over', 3, 2.5],
      ['w-inside', 1, 0.5],
    ] as const) {
      await deliveredWake(ns, id, ago * HOUR);
      await ns.redis.hset(ns.keys.wake(id), 'suppressed', 4, 'lastSuppressedAt', now - lastRepeat * HOUR);
    }
    expect(await idsOf(app, `from=${from}`)).toEqual(['w-inside', 'w-repeated']);
    const to = encodeURIComponent(new Date(now - 1.2 * HOUR).toISOString());
    expect(await idsOf(app, `from=${from}&to=${to}`)).toEqual(['w-repeated']);
    expect((await app.inject(`/v1/timeline?from=${from}`)).json().wakes).toBe(1);
  });

  test('keeps its filter from page to page, also if most wakes do not match', async ({ ns }) => {
    const { app } = await api(ns);
    const at = Date.now() - HOUR;
    const wakes = Array.from({ length: 1_300 }, (_, i) =>
      recordInvestigation(
        ns.redis,
        ns.keys,
        aWake({ id: `w-${i}`, title: i % 100 === 0 ? 'rare' : 'often' }),
        report,
        at,
      ),
    );
    await Promise.all(wakes);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await app.inject(`/v1/investigations?q=rare&limit=4${cursor}`)).json();
      seen.push(...page.entries.map(({ wakeId }: { wakeId: string }) => wakeId));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen.toSorted()).toEqual(Array.from({ length: 13 }, (_, i) => `w-${i * 100}`).toSorted());
  });

  test('refuses filters that nothing can match, with the reason', async ({ ns }) => {
    const { app } = await api(ns);
    for (const query of [
      'outcome=gone',
      'verdict=sure',
      'q=%20',
      'from=yesterday',
      'window=7d&from=2026-11-01',
      'from=2026-11-02&to=2026-11-01',
      'x=1',
    ]) {
      const answer = await app.inject(`/v1/investigations?${query}`);
      expect([query, answer.statusCode]).toEqual([query, 400]);
      expect(answer.json().message).toMatch(/must |option|give either|Unrecognized/);
      expect((await app.inject(`/v1/timeline?${query}`)).statusCode).toBe(400);
    }
  });
});

describe('a timeline', () => {
  test('counts only wakes that the list can show', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', HOUR);
    await deliveredWake(ns, 'w-2', HOUR);
    await ns.redis.hdel(ns.keys.wake('w-2'), 'row');
    expect(await idsOf(app, '')).toEqual(['w-1']);
    expect((await app.inject('/v1/timeline')).json().wakes).toBe(1);
  });

  test('counts wakes, their repeats, and those that were not sent', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', 5.5 * HOUR);
    await deadWake(ns, 'w-2', 5.5 * HOUR);
    await pendingWake(ns, 'w-3', fallback);
    await ns.redis.hset(ns.keys.wake('w-1'), 'suppressed', 7);
    const timeline = (await app.inject('/v1/timeline?window=24h&buckets=24')).json();
    expect(timeline).toMatchObject({ wakes: 3, isComplete: true, bucketMs: HOUR });
    expect(timeline.buckets).toEqual([
      { start: expect.any(String), wakes: 2, suppressed: 7, notSent: 1, pending: 0 },
      { start: expect.any(String), wakes: 1, suppressed: 0, notSent: 0, pending: 1 },
    ]);
    const [first] = timeline.buckets;
    expect(Date.now() - Date.parse(first.start)).toBeGreaterThan(5.5 * HOUR);
    expect(Date.now() - Date.parse(first.start)).toBeLessThan(6.6 * HOUR);
  });

  test('has the filters of the list, and begins with the first wake if no time is given', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', 300 * HOUR);
    await deliveredWake(ns, 'w-2', 3 * HOUR, { probe: 'db' });
    expect((await app.inject('/v1/timeline?probe=db')).json()).toMatchObject({ wakes: 1 });
    const all = (await app.inject('/v1/timeline?window=all&buckets=10')).json();
    expect(all.buckets.map(({ wakes }: { wakes: number }) => wakes)).toEqual([1, 1]);
    expect(all.buckets[0].start).toBe(all.from);
    expect((await app.inject('/v1/timeline?q=nothing')).json()).toMatchObject({ wakes: 0, buckets: [] });
  });
});
