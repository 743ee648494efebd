import { describe, expect } from 'vitest';
import { aWake, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { commitRows } from '../../../../test/support/stats.ts';
import { readStatsByHour, readStatsByPair } from '../../src/store/stats.ts';
import { recordInvestigation, recordOutcome, reopen } from '../../src/store/wake-record.ts';
import { fallbackReport, NO_USAGE, type Report } from '../../src/wake/report.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONDAY = Date.parse('2026-11-23T00:00:00Z');
const NOON = MONDAY + 12 * HOUR;
const dayOf = (at: number) => Math.floor(at / DAY);

type Amounts = Record<string, number>;

/** The sums by pair; `-`: the pairs that share a field. */
async function byPair(ns: Namespace, from = MONDAY, to = MONDAY + 7 * DAY): Promise<Record<string, Amounts>> {
  const sums: Record<string, Amounts> = {};
  await readStatsByPair(ns.redis, ns.keys, { from, to }, (pair) => {
    const own: Amounts = {};
    sums[pair ? `${pair.probe}/${pair.category}` : '-'] = own;
    return (name, amount) => void (own[name] = (own[name] ?? 0) + amount);
  });
  return sums;
}

/** The sums of all pairs. */
async function ofAll(ns: Namespace, from = MONDAY, to = MONDAY + 7 * DAY): Promise<Amounts> {
  const sums: Amounts = {};
  await readStatsByHour(ns.redis, ns.keys, { from, to }, (name, amount) => {
    sums[name] = (sums[name] ?? 0) + amount;
  });
  return sums;
}

const diagnosis = (verdict: 'confirmed' | 'likely', costUsd: number): Report => ({
  kind: 'diagnosis',
  text: 'It is down.',
  verdict,
  model: 'claude-sonnet-5-5',
  usage: NO_USAGE,
  costUsd,
  durationMs: 1,
  calls: [],
});

const pairs = (count: number, first = 0) =>
  Array.from({ length: count }, (_, i) => ({ probe: `p${first + i}`, wakes: 1, suppressed: 2 }));

describe('the pairs of a day', () => {
  test('after the first 1,000 share one field, until the day ends', async ({ ns }) => {
    const first = await commitRows(ns, NOON, pairs(999));
    const [kept, , beyond] = await commitRows(ns, NOON, pairs(3, 999));
    if (!first[0] || !kept || !beyond) throw new Error('no wakes');
    const sums = await byPair(ns);
    expect(Object.keys(sums).length).toBe(1_001);
    expect([sums['p999/down'], sums['-']]).toEqual([
      { w: 1, s: 2 },
      { w: 2, s: 4 },
    ]);
    await recordOutcome(ns.redis, ns.keys, { wake: beyond, outcome: 'dead', at: NOON });
    await recordOutcome(ns.redis, ns.keys, { wake: kept, outcome: 'dead', at: NOON });
    expect((await byPair(ns))['-']).toEqual({ w: 2, s: 4, 'o:dead': 1 });
    for (const wake of [beyond, kept]) {
      await reopen(ns.redis, ns.keys, wake.id, NOON + HOUR);
      await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: NOON + DAY });
    }
    await commitRows(ns, NOON + HOUR, pairs(1, 1_001));
    const later = await byPair(ns);
    expect(later['-']).toEqual({ w: 3, s: 6, 'o:dead': 0 });
    expect(later['p999/down']).toEqual({ w: 1, s: 2, 'o:dead': 0, 'o:diagnosis': 1 });
    // The next day has room again.
    expect(later['p1001/down']).toEqual({ 'o:diagnosis': 1 });
    expect(await ofAll(ns)).toEqual({ w: 1_003, s: 2_006, 'o:dead': 0, 'o:diagnosis': 2 });
  });

  test('can be many in one commit', async ({ ns }) => {
    await commitRows(ns, NOON, pairs(2_500));
    const sums = await byPair(ns);
    expect(Object.keys(sums).length).toBe(1_001);
    expect([sums['p999/down'], sums['-']]).toEqual([
      { w: 1, s: 2 },
      { w: 1_500, s: 3_000 },
    ]);
  });

  test('may have any name', async ({ ns }) => {
    const each = { w: 1, m: 3 };
    const rows = { wakes: 1, muted: 3 };
    await commitRows(ns, NOON, [
      { probe: 'other', category: '', ...rows },
      { probe: 'all', category: 'all', ...rows },
      { probe: '', category: 'other', ...rows },
      { probe: '3w=5 4w', category: '=7 5w=1', ...rows },
      { probe: '__proto__', category: 'é:%', ...rows },
    ]);
    expect(await byPair(ns)).toEqual({
      'other/': each,
      'all/all': each,
      '/other': each,
      '3w=5 4w/=7 5w=1': each,
      '__proto__/é:%': each,
    });
  });
});

describe('a period', () => {
  test('begins with its first hour, also within a day, and has the whole last day', async ({ ns }) => {
    for (const hour of [-1, 10, 11, 12, 23]) await commitRows(ns, MONDAY + hour * HOUR, [{ wakes: 1, suppressed: 5 }]);
    const from = MONDAY + 11 * HOUR;
    const sums = { w: 3, s: 15 };
    expect(await byPair(ns, from, NOON)).toEqual({ 'fly/down': sums });
    expect(await ofAll(ns, from, NOON)).toEqual(sums);
    expect(await byPair(ns, MONDAY - 30 * DAY, NOON)).toEqual({ 'fly/down': { w: 5, s: 25 } });
  });

  test('without data has nothing', async ({ ns }) => {
    expect([await byPair(ns), await ofAll(ns)]).toEqual([{}, {}]);
  });

  test('is stored for longer than it can be read', async ({ ns }) => {
    await commitRows(ns, NOON, [{ wakes: 1 }]);
    for (const key of [ns.keys.stats(dayOf(NOON)), ns.keys.statsByHour(dayOf(NOON))]) {
      expect(await ns.redis.ttl(key)).toBeGreaterThan(36 * 86_400);
    }
  });

  test('leaves out amounts that are not valid, and counts on', async ({ ns }) => {
    await commitRows(ns, NOON, [{ wakes: 1 }]);
    await ns.redis.hset(ns.keys.stats(dayOf(NOON)), 'fly:down', ' 12w=x 12 m=', '%', '=', 'a:%', ' w=1');
    await commitRows(ns, NOON, [{ wakes: 1, suppressed: 2 }]);
    expect((await byPair(ns))['fly/down']).toEqual({ s: 2 });
  });
});

test('wakes are counted once if the log is read again', async ({ ns }) => {
  const [wake] = await commitRows(ns, NOON, [{ wakes: 1 }]);
  await commitRows(ns, NOON + HOUR, [{}], wake);
  expect(await byPair(ns)).toEqual({ 'fly/down': { w: 1 } });
});

describe('an outcome', () => {
  const wake = aWake();
  const end = ({ redis, keys }: Namespace, outcome: 'dead' | 'diagnosis', at: number) =>
    recordOutcome(redis, keys, { wake, outcome, at });

  test('that a dead letter gets later takes back the first one in its own hour', async ({ ns }) => {
    await end(ns, 'dead', NOON);
    // Without a retry of a person: the job was retried in Bull Board.
    await end(ns, 'diagnosis', NOON + 2 * DAY);
    await end(ns, 'diagnosis', NOON + 2 * DAY);
    expect(await byPair(ns)).toEqual({ 'fly/down': { 'o:dead': 0, 'o:diagnosis': 1 } });
    expect(await ofAll(ns, NOON + DAY)).toEqual({ 'o:diagnosis': 1 });
  });

  test('that an earlier release recorded is not taken back', async ({ ns }) => {
    await ns.redis.hset(ns.keys.wake(wake.id), { outcome: 'dead', outcomeAt: NOON });
    await commitRows(ns, NOON, [{ wakes: 1 }]);
    await reopen(ns.redis, ns.keys, wake.id, NOON);
    expect(await byPair(ns)).toEqual({ 'fly/down': { w: 1 } });
  });

  test('of a day that is no longer stored is not taken back', async ({ ns }) => {
    await end(ns, 'dead', NOON);
    await ns.redis.del(ns.keys.stats(dayOf(NOON)), ns.keys.statsByHour(dayOf(NOON)));
    await reopen(ns.redis, ns.keys, wake.id, NOON);
    await end(ns, 'dead', NOON + DAY);
    await reopen(ns.redis, ns.keys, wake.id, NOON);
    expect(await byPair(ns)).toEqual({ 'fly/down': { 'o:dead': 0 } });
    expect(await ns.redis.exists(ns.keys.stats(dayOf(NOON)))).toBe(0);
  });
});

describe('a report', () => {
  const wake = aWake();

  test('is counted once, however often it is stored', async ({ ns }) => {
    for (const at of [NOON, NOON, NOON + HOUR]) {
      await recordInvestigation(ns.redis, ns.keys, wake, diagnosis('likely', 0.0016), at);
    }
    expect(await byPair(ns)).toEqual({ 'fly/down': { 'v:likely': 1, u: 1_600 } });
    expect(await ofAll(ns, NOON + HOUR)).toEqual({});
  });

  test('that replaces another one replaces its verdict and adds its cost', async ({ ns }) => {
    await recordInvestigation(ns.redis, ns.keys, wake, fallbackReport('refused'), NOON);
    await recordInvestigation(ns.redis, ns.keys, wake, diagnosis('likely', 0.5), NOON);
    await recordInvestigation(ns.redis, ns.keys, wake, diagnosis('confirmed', 0.25), NOON + DAY);
    expect(await byPair(ns)).toEqual({ 'fly/down': { 'v:likely': 0, 'v:confirmed': 1, u: 750_000 } });
    expect(await ofAll(ns, NOON + DAY)).toEqual({ 'v:confirmed': 1, u: 250_000 });
  });
});
