/** Noise statistics over HTTP. */
import { recordInvestigation, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { describe, expect } from 'vitest';
import type { Namespace } from '../../../test/support/fixtures.ts';
import { test } from '../../../test/support/fixtures.ts';
import { commitRows } from '../../../test/support/stats.ts';
import type { Stats } from '../src/contract.ts';
import { api, HOUR, report } from './api.ts';

/** A Tuesday. */
const NOW = Date.parse('2026-11-24T12:30:00Z');
const iso = (at: number) => new Date(at).toISOString();

async function statsApi(ns: Namespace, now = NOW) {
  const { app } = await api(ns, undefined, undefined, { now: () => now });
  const get = async (query = '') => app.inject(`/v1/stats${query}`);
  return { get, read: async (query = ''): Promise<Stats> => (await get(query)).json() };
}

const NOTHING = {
  rows: 0,
  wakes: 0,
  suppressed: 0,
  buffered: 0,
  muted: 0,
  night: 0,
  outcomes: { diagnosis: 0, fallback: 0, dry_run: 0, unchanged: 0, digest: 0, joined: 0, withdrawn: 0, dead: 0 },
  verdicts: { confirmed: 0, likely: 0, inconclusive: 0 },
  usd: 0,
};

describe('the statistics', () => {
  test('by pair name the noisiest first, with outcomes, verdicts and cost', async ({ ns }) => {
    const { read } = await statsApi(ns);
    const [wake] = await commitRows(ns, NOW - HOUR, [
      { probe: 'quiet', wakes: 1, suppressed: 2 },
      { probe: 'busy', category: 'down', wakes: 3, buffered: 1 },
      { probe: 'busy', category: 'slow', wakes: 1, suppressed: 40, muted: 5 },
    ]);
    if (!wake) throw new Error('no wake');
    await recordInvestigation(ns.redis, ns.keys, wake, report, NOW);
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: NOW });
    const found = {
      outcomes: { ...NOTHING.outcomes, diagnosis: 1 },
      verdicts: { ...NOTHING.verdicts, confirmed: 1 },
      usd: 0.0016,
    };
    expect(await read()).toEqual({
      from: '2026-11-17T12:00:00.000Z',
      to: iso(NOW),
      by: 'pair',
      entries: [
        { probe: 'busy', category: 'down', ...NOTHING, rows: 4, wakes: 3, buffered: 1 },
        { probe: 'busy', category: 'slow', ...NOTHING, rows: 46, wakes: 1, suppressed: 40, muted: 5 },
        { probe: 'quiet', category: 'down', ...NOTHING, rows: 3, wakes: 1, suppressed: 2, ...found },
      ],
      left: 0,
      totals: { ...NOTHING, rows: 53, wakes: 5, suppressed: 42, buffered: 1, muted: 5, ...found },
    });
    expect((await read('?by=probe')).entries).toMatchObject([
      { probe: 'busy', rows: 50, wakes: 4 },
      { probe: 'quiet', rows: 3, wakes: 1 },
    ]);
    expect(await read('?limit=1')).toMatchObject({ entries: [{ probe: 'busy' }], left: 2, totals: { wakes: 5 } });
  });

  test('have the same totals, however they are grouped, and whenever the period begins', async ({ ns }) => {
    const { read } = await statsApi(ns);
    for (let hours = 0; hours < 60; hours += 5) {
      await commitRows(ns, NOW - hours * HOUR, [
        { wakes: 1, suppressed: hours },
        { probe: `p${hours}`, wakes: 2 },
      ]);
    }
    for (const window of ['1h', '24h', '30h', '2d', '35d']) {
      const answers = await Promise.all(
        ['pair', 'probe', 'hour', 'day'].map((by) => read(`?by=${by}&window=${window}&timezone=Asia/Tokyo`)),
      );
      const first = answers[0]?.totals;
      expect(first?.wakes).toBeGreaterThan(0);
      expect(answers.map(({ totals }) => totals)).toEqual(answers.map(() => first));
    }
  });

  test('by hour and by day have an entry for each, in the order of time', async ({ ns }) => {
    const { read } = await statsApi(ns);
    await commitRows(ns, NOW - 2 * HOUR, [{ wakes: 2 }]);
    const hours = await read('?by=hour&window=3h');
    expect(hours.entries.map(({ start, wakes }) => [start, wakes])).toEqual([
      ['2026-11-24T09:00:00.000Z', 0],
      ['2026-11-24T10:00:00.000Z', 2],
      ['2026-11-24T11:00:00.000Z', 0],
      ['2026-11-24T12:00:00.000Z', 0],
    ]);
    const days = await read('?by=day&window=2d&timezone=America/New_York');
    expect(days.entries.map(({ start, wakes }) => [start, wakes])).toEqual([
      ['2026-11-22T12:00:00.000Z', 0],
      ['2026-11-23T05:00:00.000Z', 0],
      ['2026-11-24T05:00:00.000Z', 2],
    ]);
    expect((await read('?by=hour&window=35d')).entries.length).toBe(35 * 24 + 1);
  });

  test('of the pairs beyond the bound have no name, also if a probe is named other', async ({ ns }) => {
    const { read } = await statsApi(ns);
    const pairs = Array.from({ length: 999 }, (_, i) => ({ probe: `p${i}`, wakes: 1 }));
    await commitRows(ns, NOW, [{ probe: 'other', category: 'other', wakes: 2 }, ...pairs]);
    await commitRows(ns, NOW, [
      { probe: 'late', wakes: 3 },
      { probe: 'later', wakes: 4 },
    ]);
    const { entries, totals, left } = await read('?limit=2');
    expect(entries).toMatchObject([
      { probe: null, category: null, wakes: 7 },
      { probe: 'other', category: 'other', wakes: 2 },
    ]);
    expect([totals.wakes, left]).toEqual([1_008, 999]);
    expect((await read('?by=probe&limit=1')).entries).toMatchObject([{ probe: null, wakes: 7 }]);
  });

  test('are empty without data', async ({ ns }) => {
    const { read } = await statsApi(ns);
    expect(await read()).toMatchObject({ entries: [], totals: NOTHING });
    expect((await read('?by=day&window=24h')).entries).toMatchObject([NOTHING, NOTHING]);
  });
});

describe('the night', () => {
  test.for([
    ['UTC', '2026-11-23', [22, 23, 24, 30], [21, 31]],
    ['Europe/Berlin', '2026-11-23', [21, 22, 29], [20, 30]],
    ['America/Los_Angeles', '2026-11-23', [30, 31, 38], [29, 39]],
    // India is five and a half hours ahead: the hour that begins at 22:30 is the first one of the night.
    ['Asia/Kolkata', '2026-11-23', [17, 25], [16, 26]],
    // The clock goes back at 01:00 UTC on this Sunday: the night has an hour more.
    ['Europe/Berlin', '2026-10-24', [20, 24, 25, 29], [19, 30]],
    // It goes forward at 01:00 UTC on this one.
    ['Europe/Berlin', '2026-03-28', [21, 24, 25, 28], [20, 29]],
  ] as const)('in %s on %s has its hours of the zone', async ([timezone, day, night, others], { ns }) => {
    const at = (hour: number) => Date.parse(`${day}T00:00:00Z`) + hour * HOUR;
    const { read } = await statsApi(ns, at(48));
    for (const hour of [...night, ...others]) await commitRows(ns, at(hour), [{ wakes: 1, suppressed: 3 }]);
    const zone = `timezone=${encodeURIComponent(timezone)}&window=2d`;
    const hours = await read(`?by=hour&${zone}`);
    const nightly = hours.entries.filter(({ night: wakes }) => wakes > 0);
    expect(nightly.map(({ start }) => start)).toEqual(night.map((hour) => iso(at(hour))));
    for (const by of ['pair', 'probe', 'hour', 'day']) {
      expect((await read(`?by=${by}&${zone}`)).totals).toMatchObject({
        night: night.length,
        wakes: night.length + others.length,
      });
    }
  });

  test('and the days are those of the zone when the clock changes', async ({ ns }) => {
    const { read } = await statsApi(ns, Date.parse('2026-10-26T12:00:00Z'));
    const { entries } = await read('?by=day&window=3d&timezone=Europe/Berlin');
    expect(entries.map(({ start }) => start)).toEqual([
      '2026-10-23T12:00:00.000Z',
      '2026-10-23T22:00:00.000Z',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ]);
  });
});

describe('a query that is not valid', () => {
  test.for([
    ['by=week', 'by'],
    ['window=36d', 'at most 35d'],
    ['window=841h', 'at most 35d'],
    ['window=0d', 'such as 24h or 7d'],
    ['window=7', 'such as 24h or 7d'],
    ['window=-1d', 'such as 24h or 7d'],
    ['window=all', 'such as 24h or 7d'],
    ['window=99999h', 'such as 24h or 7d'],
    ['timezone=Mars/Olympus', 'timezone is no time zone'],
    ['timezone=', 'timezone is no time zone'],
    ['limit=0', 'limit'],
    ['days=7', 'days'],
    ['by=pair&by=day', 'by'],
  ] as const)('such as %s is a 400 that says why', async ([query, reason], { ns }) => {
    const { get } = await statsApi(ns);
    const answer = await get(`?${query}`);
    expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining(reason)]);
  });
});
