/** The index of windows equals the truth: the deduplication keys, and the records of the wakes that hold them. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { aWake, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { assertBounded, lastRun } from '../../../../test/support/property.ts';
import { commitBatch, type Tally } from '../../src/store/checkpoint.ts';
import type { Place } from '../../src/store/page.ts';
import { wakeJobOptions } from '../../src/store/queues.ts';
import {
  clearWindow,
  clearWindows,
  listWindows,
  passWindows,
  releaseWindow,
  type WindowPage,
} from '../../src/store/windows.ts';
import { debounceId, WINDOW_SORTS, type WindowSort } from '../../src/wake/pair.ts';
import type { Wake } from '../../src/wake/wake.ts';

const WINDOW_MS = 600_000;
/** Names whose order by bytes, by letters and by their encoding differ. */
const PROBES = ['fly', 'Fly', 'fly-2', 'é'];
const CATEGORIES = ['down', 'Z', 'a'];
const TAILERS = ['tailer-a', 'tailer-b'];

const pair = fc.record({ probe: fc.constantFrom(...PROBES), category: fc.constantFrom(...CATEGORIES) });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('row' as const),
      pair,
      tailer: fc.constantFrom(...TAILERS),
      isCritical: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), tailer: fc.constantFrom(...TAILERS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('clear', 'expire', 'lose', 'release'), pair }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('clear probe' as const), probe: fc.constantFrom(...PROBES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function emptyTally(): Tally {
  return {
    counters: new Map(),
    enqueued: new Map(),
    suppressed: new Map(),
    pairRows: new Map(),
    unreadable: [],
    counts: [],
    firing: [],
    opened: new Set(),
    at: 1,
  };
}

/** Two tailers with the jobs that they have added and not committed yet. */
function tailers(ns: Namespace) {
  const tallies = new Map(TAILERS.map((name) => [name, emptyTally()]));
  const positions = new Map(TAILERS.map((name) => [name, '']));
  let rows = 0;
  let commits = 0;

  async function row(name: string, { probe, category }: Pick<Wake, 'probe' | 'category'>, passes: boolean) {
    const wake = aWake({ id: `w-${rows++}`, probe, category });
    const id = debounceId(probe, category);
    if (passes) await passWindows(ns.redis, ns.keys, [{ window: id, jobKey: ns.queue.toKey(wake.id) }]);
    const options = wakeJobOptions(wake, WINDOW_MS);
    const winner = (await ns.queue.add('wake', { wake }, options)).id ?? '';
    const tally = tallies.get(name) ?? emptyTally();
    if (winner === wake.id) {
      tally.enqueued.set(wake.id, wake);
      tally.opened.add(id);
    } else {
      tally.suppressed.set(winner, { pair: id, rows: (tally.suppressed.get(winner)?.rows ?? 0) + 1 });
    }
    tallies.set(name, tally);
  }

  async function commit(name: string) {
    await ns.redis.set(ns.keys.lease(name), name);
    const [from, to] = [positions.get(name) ?? '', String(commits++)];
    const source = { sourceId: name, path: '/log', name: '', token: name, from, to, mayReplay: false };
    const tally = tallies.get(name) ?? emptyTally();
    // The second one is the same commit again, after its answer was lost.
    for (let i = 0; i < 2; i++) expect(await commitBatch(ns.redis, ns.keys, { ...source, tally })).toBe('committed');
    positions.set(name, to);
    tallies.set(name, emptyTally());
  }

  return { row, commit };
}

async function close(ns: Namespace, how: string, { probe, category }: Pick<Wake, 'probe' | 'category'>): Promise<void> {
  const id = debounceId(probe, category);
  if (how === 'clear') await clearWindow(ns, probe, category);
  if (how === 'lose') await ns.redis.del(ns.keys.dedup(id));
  if (how === 'release') {
    const holder = await ns.redis.get(ns.keys.dedup(id));
    if (holder !== null) await releaseWindow(ns.redis, ns.keys, { id: holder, probe, category });
  }
  if (how === 'expire') {
    await ns.redis.del(ns.keys.dedup(id));
    await ns.redis.zadd(ns.keys.windowEnds, 'XX', 1, id);
  }
}

/** All pages of a list as one. */
async function allPages(ns: Namespace, page: { sort: WindowSort; q?: string; probe?: string }): Promise<WindowPage> {
  const entries: WindowPage['entries'] = [];
  let after: Place | undefined;
  for (;;) {
    const read = await listWindows(ns, { ...page, limit: 3, after });
    entries.push(...read.entries);
    if (read.next === null) return { ...read, entries };
    after = read.next;
  }
}

/** The open windows as they must be listed, sorted by their ids. */
async function truth(ns: Namespace) {
  const all = PROBES.flatMap((probe) => CATEGORIES.map((category) => ({ probe, category })));
  const open = await Promise.all(
    all.map(async (names) => {
      const key = ns.keys.dedup(debounceId(names.probe, names.category));
      const holder = await ns.redis.get(key);
      if (holder === null) return [];
      const suppressed = Number((await ns.redis.hget(ns.keys.wake(holder), 'suppressed')) ?? 0);
      return [{ ...names, id: debounceId(names.probe, names.category), wakeId: holder, suppressed }];
    }),
  );
  return open.flat().toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const idsOf = ({ entries }: WindowPage) => entries.map(({ probe, category }) => debounceId(probe, category));
const sum = (windows: Array<{ suppressed: number }>) =>
  windows.reduce((total, { suppressed }) => total + suppressed, 0);

async function check(ns: Namespace): Promise<void> {
  const open = await truth(ns);
  // Reading all pages drops the windows whose key is gone.
  for (const sort of WINDOW_SORTS) await allPages(ns, { sort });
  const { redis, keys } = ns;
  const totals = { open: open.length, suppressed: sum(open) };
  const ids = open.map(({ id }) => id);
  for (const key of [keys.windowNames, keys.windowEnds, keys.windowRepeats]) {
    expect((await redis.zrange(key, '0', '-1')).toSorted()).toEqual(ids);
  }
  const noisiest = open.toReversed().toSorted((a, b) => b.suppressed - a.suppressed);
  // Every name has the empty text. Lists with and without a filter are read in different ways.
  for (const filter of [{}, { q: '' }]) {
    const [byName, bySuppressed, byEnd] = await Promise.all(
      WINDOW_SORTS.map((sort) => allPages(ns, { sort, ...filter })),
    );
    expect(byName).toMatchObject(totals);
    expect(idsOf(byName!)).toEqual(ids);
    expect(bySuppressed).toMatchObject(totals);
    expect(idsOf(bySuppressed!)).toEqual(noisiest.map(({ id }) => id));
    expect(bySuppressed!.entries.map(({ suppressed }) => suppressed)).toEqual(noisiest.map((one) => one.suppressed));
    expect(byEnd).toMatchObject(totals);
    expect(idsOf(byEnd!)).toEqual(await redis.zrange(keys.windowEnds, '0', '-1'));
  }
  const named = open.filter(({ probe, category }) => `${probe}\n${category}`.toLowerCase().includes('fly'));
  expect(await listWindows(ns, { q: 'FLY', limit: 1 })).toMatchObject({ open: named.length, suppressed: sum(named) });
  const ofFly = open.filter(({ probe }) => probe === 'fly');
  expect(await listWindows(ns, { probe: 'fly', limit: 1 })).toMatchObject({
    open: ofFly.length,
    suppressed: sum(ofFly),
  });
}

test('after any rows, commits, ends and losses the lists and totals are those of the open windows', async ({ ns }) => {
  const runs = lastRun(async (steps: Step[]) => {
    const { row, commit } = tailers(ns);
    await ns.redis.del(...TAILERS.map(ns.keys.source));
    await ns.queue.obliterate({ force: true });
    for (const one of steps) {
      if (one.do === 'row') await row(one.tailer, one.pair, one.isCritical);
      else if (one.do === 'commit') await commit(one.tailer);
      else if (one.do === 'clear probe') await clearWindows(ns, one.probe);
      else if (one.do === 'look') await listWindows(ns, { sort: 'suppressed', limit: 2 });
      else await close(ns, one.do, one.pair);
    }
    for (const name of TAILERS) await commit(name);
    await check(ns);
    await clearWindows(ns);
    await check(ns);
    expect(await ns.redis.get(ns.keys.windowRepeatsTotal)).toBeOneOf([null, '0']);
    for await (const keys of ns.redis.scanStream({ match: ns.keys.wake('*'), count: 1_000 })) {
      if (keys.length > 0) await ns.redis.unlink(...keys);
    }
  });
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), runs.run);
  await assertBounded(property, 'index of windows', 200);
  await runs.ended();
});
