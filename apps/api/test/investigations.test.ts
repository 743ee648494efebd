/** Wakes with their reports and outcomes. */
import { keepSteps } from '@kora-wake/shared/store/steps';
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { repeatedReport } from '@kora-wake/shared/wake/report';
import { describe, expect } from 'vitest';
import { aToolStep, aWake, ending, test } from '../../../test/support/fixtures.ts';
import { api, deliveredWake, HOUR, report } from './api.ts';

describe('investigations', () => {
  test('are listed newest first, by period and probe, in pages that do not shift when wakes arrive', async ({ ns }) => {
    const { app } = await api(ns);
    for (const [i, ago] of [1, 2, 3, 30, 24 * 9].entries()) await deliveredWake(ns, `w-${i}`, ago * HOUR);
    await deliveredWake(ns, 'w-other', HOUR / 2, { probe: 'a/b:c %' });
    const ids = async (query: string) => {
      const { entries, nextCursor } = (await app.inject(`/v1/investigations?${query}`)).json();
      return { ids: entries.map(({ wakeId }: { wakeId: string }) => wakeId), nextCursor };
    };
    expect((await ids('')).ids).toEqual(['w-other', 'w-0', 'w-1', 'w-2']);
    expect((await ids('window=7d')).ids).toEqual(['w-other', 'w-0', 'w-1', 'w-2', 'w-3']);
    expect((await ids(`probe=${encodeURIComponent('a/b:c %')}`)).ids).toEqual(['w-other']);
    const first = await ids('window=all&limit=2');
    await deliveredWake(ns, 'w-new', 0);
    const second = await ids(`window=all&limit=2&cursor=${first.nextCursor}`);
    const third = await ids(`window=all&limit=9&cursor=${second.nextCursor}`);
    expect([first.ids, second.ids, third]).toEqual([
      ['w-other', 'w-0'],
      ['w-1', 'w-2'],
      { ids: ['w-3', 'w-4'], nextCursor: null },
    ]);
  });

  test('that were enqueued in one millisecond are each on one page', async ({ ns }) => {
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

  test('that were enqueued in one millisecond are all listed, even if a page is smaller', async ({ ns }) => {
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
      // The place is found even if its wake is not stored any more.
      await ns.redis.zrem(ns.keys.history, seen.at(-1) ?? '');
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  test('have the row, the diagnosis, the evidence, the cost and the DM in their detail', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', HOUR, { title: 'Fly is down', snapshotDetails: { apps: 0 } });
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
      joinedInto: null,
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

  test('have the steps in their detail only, or null if these were not kept', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', HOUR);
    expect((await app.inject('/v1/investigations/w-1')).json().steps).toBeNull();
    const step = aToolStep('HTTP 401');
    await keepSteps(ns.redis, ns.keys, 'w-1', [step]);
    expect((await app.inject('/v1/investigations/w-1')).json().steps).toEqual([step]);
    expect((await app.inject('/v1/investigations')).body).not.toContain('HTTP 401');
  });

  test('have a repeated diagnosis, the wake that was investigated, and what a person said about it', async ({ ns }) => {
    const { app } = await api(ns);
    await deliveredWake(ns, 'w-1', HOUR);
    const repeats = { wakeId: 'w-1', at: Date.UTC(2026, 10, 26, 14, 3), since: Date.UTC(2026, 10, 26, 14) };
    const again = aWake({ id: 'w-2' });
    await recordInvestigation(ns.redis, ns.keys, again, repeatedReport(report, repeats), Date.now());
    await recordOutcome(ns.redis, ns.keys, { ...ending('w-2', 'unchanged', Date.now()), dmStatus: 'sent' });
    const feedback = { verdict: 'wrong', by: 'ada', at: Date.now() };
    await ns.redis.hset(ns.keys.wake('w-1'), 'feedback', JSON.stringify(feedback));
    const shown = {
      outcome: 'unchanged',
      repeats: { wakeId: 'w-1', at: '2026-11-26T14:03:00.000Z' },
      costUsd: 0,
      feedback: { verdict: 'wrong' },
    };
    const one = (await app.inject('/v1/investigations/w-2')).json();
    expect(one).toMatchObject({ ...shown, calls: [], tools: [], model: null });
    expect(one.dm).toMatch(
      /^🚨 Probe alert · fly\nStill failing since .*; nothing has changed, so .* is repeated\.\n\n/,
    );
    const { entries } = (await app.inject('/v1/investigations')).json();
    expect(entries.find(({ wakeId }: { wakeId: string }) => wakeId === 'w-2')).toMatchObject(shown);
    expect((await app.inject('/v1/account')).json().outcomes).toMatchObject({ unchanged: 1 });
  });

  test('have a long diagnosis complete in their detail and cut in the list, and the note about delivery in the DM', async ({
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
    expect(listed.summary).toBe(`${text.slice(0, 399)}…`);
  });
});
