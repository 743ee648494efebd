import { Redis } from 'ioredis';
import { describe, expect, vi } from 'vitest';
import { aWake, countWaiting, type Namespace, openWindow, test } from '../../../../test/support/fixtures.ts';
import type { Place } from '../../src/store/page.ts';
import { wakeJobOptions } from '../../src/store/queues.ts';
import {
  clearWindow,
  clearWindows,
  getWindow,
  listWindows,
  releaseWindow,
  type WindowPage,
} from '../../src/store/windows.ts';
import { debounceId, WINDOW_SORTS } from '../../src/wake/pair.ts';

const WINDOW_MS = 60_000;

const wake = (id: string, probe: string, category = 'down') => aWake({ id, probe, category });

describe('a window', () => {
  test('is BullMQ’s deduplication key, whose private layout this test pins', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    expect(await ns.redis.get(`${ns.prefix}:wakes:de:fly:down`)).toBe('w-1');
    expect(ns.keys.dedup(debounceId('fly', 'down'))).toBe(`${ns.prefix}:wakes:de:fly:down`);
    const window = await getWindow(ns, 'fly', 'down');
    expect(window).toMatchObject({
      probe: 'fly',
      category: 'down',
      wakeId: 'w-1',
      severity: 'critical',
      suppressed: 0,
      lastSuppressedAt: null,
    });
    // The key's TTL only falls, so a later reading is a lower limit.
    expect(window?.remainingMs).toBeGreaterThanOrEqual(await ns.redis.pttl(ns.keys.dedup('fly:down')));
    expect(window?.remainingMs).toBeLessThanOrEqual(WINDOW_MS);
    expect(window?.openedAt).toBe((await ns.queue.getJob('w-1'))?.timestamp);
  });

  test('that was cleared no longer suppresses the next wake', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    expect(await clearWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-1' });
    expect(await clearWindow(ns, 'fly', 'down')).toBeUndefined();
    await openWindow(ns, wake('w-2', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-2' });
    expect(await countWaiting(ns.queue)).toBe(2);
  });

  test('that is not in the index yet can be cleared, and is returned', async ({ ns }) => {
    await ns.queue.add('wake', { wake: wake('w-9', 'fly') }, wakeJobOptions(wake('w-9', 'fly'), WINDOW_MS));
    expect(await clearWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-9', severity: 'critical' });
    expect(await clearWindow(ns, 'fly', 'down')).toBeUndefined();
  });

  test('is released only by the wake that opened it', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    await releaseWindow(ns.redis, ns.keys, wake('w-0', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toBeDefined();
    await releaseWindow(ns.redis, ns.keys, wake('w-1', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toBeUndefined();
    expect((await listWindows(ns, { limit: 10 })).entries).toEqual([]);
  });
});

describe('the list of windows', () => {
  test('has pages without gaps or repeats', async ({ ns }) => {
    for (let i = 0; i < 25; i++) await openWindow(ns, wake(`w-${i}`, `probe-${i % 5}`, `c-${i}`));
    const seen: string[] = [];
    let after: Place | undefined;
    do {
      const page = await listWindows(ns, { limit: 7, after });
      seen.push(...page.entries.map(({ wakeId }) => wakeId));
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
  });

  test('can be limited to one probe, whatever characters its name has', async ({ ns }) => {
    const names = ['fly', 'fly-2', 'fly:x', 'a/b', '%', '😀', 'p'.repeat(3_000)];
    for (const [i, name] of names.entries()) await openWindow(ns, wake(`w-${i}`, name));
    for (const [i, name] of names.entries()) {
      const { entries } = await listWindows(ns, { probe: name, limit: 10 });
      expect(entries.map(({ wakeId, probe }) => [wakeId, probe])).toEqual([[`w-${i}`, name]]);
    }
  });

  test('drops windows whose key is gone, and still fills its page', async ({ ns }) => {
    for (let i = 0; i < 10; i++) await openWindow(ns, wake(`w-${i}`, `probe-${i}`));
    for (let i = 0; i < 8; i++) await ns.redis.del(ns.keys.dedup(debounceId(`probe-${i}`, 'down')));
    expect((await listWindows(ns, { limit: 2 })).entries.map(({ probe }) => probe)).toEqual(['probe-8', 'probe-9']);
    expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(2);
    expect(await ns.redis.zcard(ns.keys.windowEnds)).toBe(2);
  });

  test('drops expired windows without reading each', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    await ns.redis.zadd(ns.keys.windowNames, ...Array.from({ length: 2_500 }, (_, i) => [0, `gone:${i}`]).flat());
    await ns.redis.zadd(ns.keys.windowEnds, ...Array.from({ length: 2_500 }, (_, i) => [1, `gone:${i}`]).flat());
    expect((await listWindows(ns, { limit: 1 })).entries).toHaveLength(1);
    expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(1);
  });

  test('leaves out an index entry that is not the id of a pair', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    await ns.redis.zadd(ns.keys.windowNames, 0, '%zz');
    await ns.redis.zadd(ns.keys.windowEnds, Date.now() + WINDOW_MS, '%zz');
    await ns.redis.set(ns.keys.dedup('%zz'), 'w-1', 'PX', WINDOW_MS);
    expect((await listWindows(ns, { limit: 10 })).entries.map(({ probe }) => probe)).toEqual(['fly']);
  });

  test('can be cleared for one probe or for all', async ({ ns }) => {
    for (let i = 0; i < 6; i++) await openWindow(ns, wake(`w-${i}`, i < 4 ? 'fly' : 'vercel', `c-${i}`));
    expect(await clearWindows(ns, 'fly')).toBe(4);
    expect(await clearWindows(ns)).toBe(2);
    expect(await clearWindows(ns)).toBe(0);
  });
});

describe('the list in another order', () => {
  /** Opens windows and sets the repeats of each as a commit does. */
  async function openWith(ns: Namespace, repeats: Record<string, number>) {
    for (const [probe, rows] of Object.entries(repeats)) {
      await openWindow(ns, wake(`w-${probe}`, probe));
      if (rows > 0) await repeat(ns, probe, rows);
    }
  }

  async function repeat(ns: Namespace, probe: string, rows: number) {
    const id = debounceId(probe, 'down');
    await ns.redis.hincrby(ns.keys.wake(`w-${probe}`), 'suppressed', rows);
    await ns.redis.zincrby(ns.keys.windowRepeats, rows, id);
    await ns.redis.incrby(ns.keys.windowRepeatsTotal, rows);
  }

  const probesOf = ({ entries }: WindowPage) => entries.map(({ probe }) => probe);

  test('begins with the most repeats, and has the totals of all pages', async ({ ns }) => {
    await openWith(ns, { a: 1, b: 30, c: 0, d: 2 });
    const first = await listWindows(ns, { sort: 'suppressed', limit: 2 });
    expect(probesOf(first)).toEqual(['b', 'd']);
    expect(first).toMatchObject({ open: 4, suppressed: 33 });
    const second = await listWindows(ns, { sort: 'suppressed', limit: 2, after: first.next! });
    expect(probesOf(second)).toEqual(['a', 'c']);
    expect(second).toMatchObject({ next: null, open: 4, suppressed: 33 });
  });

  test('continues at the same number of repeats if the last window of a page got more, or has ended', async ({
    ns,
  }) => {
    await openWith(ns, { a: 5, b: 4, c: 4, Z: 4, d: 3 });
    const first = await listWindows(ns, { sort: 'suppressed', limit: 2 });
    expect(probesOf(first)).toEqual(['a', 'c']);
    const rest = () => listWindows(ns, { sort: 'suppressed', limit: 9, after: first.next! });
    await repeat(ns, 'c', 50);
    expect(probesOf(await rest())).toEqual(['b', 'Z', 'd']);
    await clearWindow(ns, 'c', 'down');
    expect(probesOf(await rest())).toEqual(['b', 'Z', 'd']);
  });

  test('begins with the window that ends next', async ({ ns }) => {
    await openWith(ns, { a: 1, b: 1, c: 1 });
    for (const [i, probe] of ['b', 'c', 'a'].entries()) {
      await ns.redis.zadd(ns.keys.windowEnds, Date.now() + 10_000 + i, debounceId(probe, 'down'));
    }
    const first = await listWindows(ns, { sort: 'expires', limit: 2 });
    expect(probesOf(first)).toEqual(['b', 'c']);
    expect(probesOf(await listWindows(ns, { sort: 'expires', limit: 2, after: first.next! }))).toEqual(['a']);
  });

  test('has the windows and repeats of an earlier release, also after it ran again', async ({ ns }) => {
    await openWith(ns, { a: 1, b: 7, c: 0 });
    await ns.redis.del(ns.keys.windowRepeats, ns.keys.windowRepeatsTotal);
    const list = () => listWindows(ns, { sort: 'suppressed', limit: 9 });
    expect(await list()).toMatchObject({ open: 3, suppressed: 8 });
    expect(probesOf(await list())).toEqual(['b', 'a', 'c']);
    // It closes windows without the new index.
    await ns.redis.del(ns.keys.dedup('b:down'));
    for (const key of [ns.keys.windowNames, ns.keys.windowEnds]) await ns.redis.zrem(key, 'b:down');
    expect(await listWindows(ns, { limit: 9 })).toMatchObject({ open: 2, suppressed: 1 });
    expect(await ns.redis.zcard(ns.keys.windowRepeats)).toBe(2);
  });
});

describe('the search by a part of a name', () => {
  test('finds probes and categories in any case and script, and counts what it found', async ({ ns }) => {
    const pairs = [
      ['fly-eu', 'down'],
      ['vercel', 'on-the-FLY'],
      ['Überwachung', 'a:b'],
      ['50%', '😀'],
    ] as const;
    for (const [i, [probe, category]] of pairs.entries()) {
      await openWindow(ns, wake(`w-${i}`, probe, category));
    }
    await ns.redis.hset(ns.keys.wake('w-1'), 'suppressed', 4);
    await ns.redis.zadd(ns.keys.windowRepeats, 4, debounceId('vercel', 'on-the-FLY'));
    const find = async (q: string, more = {}) => {
      const { entries, open, suppressed } = await listWindows(ns, { q, limit: 9, ...more });
      return [entries.map(({ wakeId }) => wakeId), open, suppressed];
    };
    expect(await find('Fly')).toEqual([['w-0', 'w-1'], 2, 4]);
    expect(await find('fly', { sort: 'suppressed' })).toEqual([['w-1', 'w-0'], 2, 4]);
    expect(await find('fly', { sort: 'suppressed', limit: 1 })).toEqual([['w-1'], 2, 4]);
    expect(await find('fly', { probe: 'vercel' })).toEqual([['w-1'], 1, 4]);
    expect(await find('über')).toEqual([['w-2'], 1, 0]);
    expect(await find('%')).toEqual([['w-3'], 1, 0]);
    expect(await find('😀')).toEqual([['w-3'], 1, 0]);
    expect(await find(':')).toEqual([['w-2'], 1, 0]);
    expect(await find('%25')).toEqual([[], 0, 0]);
  });

  test('does not count windows that have ended', async ({ ns }) => {
    for (let i = 0; i < 5; i++) await openWindow(ns, wake(`w-${i}`, `probe-${i}`));
    await ns.redis.del(ns.keys.dedup('probe-0:down'), ns.keys.dedup('probe-1:down'));
    expect(await listWindows(ns, { q: 'probe', limit: 3 })).toMatchObject({ entries: { length: 3 }, open: 3 });
  });
});

/** Opens windows in the index and as keys, without jobs. */
async function openMany(ns: Namespace, from: number, to: number): Promise<void> {
  const ids = Array.from({ length: to - from }, (_, i) => debounceId(`probe-${from + i}`, 'down'));
  const endsAt = Date.now() + 60_000;
  await ns.redis.zadd(ns.keys.windowNames, ...ids.flatMap((id) => [0, id]));
  await ns.redis.zadd(ns.keys.windowEnds, ...ids.flatMap((id) => [endsAt, id]));
  await ns.redis.zadd(ns.keys.windowRepeats, ...ids.flatMap((id, i) => [i % 100, id]));
  await ns.redis.mset(ids.flatMap((id) => [ns.keys.dedup(id), 'w-1']));
  await Promise.all(ids.map((id) => ns.redis.pexpireat(ns.keys.dedup(id), endsAt)));
}

test.for(WINDOW_SORTS)(
  'the first page of 20,000 open windows, sorted by %s, needs the same commands as that of 100',
  async (sort, { ns }) => {
    const redis = new Redis(ns.redisUrl);
    await redis.ping();
    const asked = vi.spyOn(redis, 'sendCommand');
    const firstPage = async () => {
      asked.mockClear();
      const { entries, next } = await listWindows({ ...ns, redis }, { sort, limit: 50 });
      expect([entries.length, next?.id]).toEqual([50, expect.any(String)]);
      return asked.mock.calls.map(([{ name }]) => name).toSorted();
    };
    await openMany(ns, 0, 100);
    // The first call also sends the text of the scripts.
    await firstPage();
    const few = await firstPage();
    await openMany(ns, 100, 20_000);
    expect(await firstPage()).toEqual(few);
    expect(few.filter((name) => /scan|keys|zrange$|zrangebyscore/i.test(name))).toEqual([]);
    await redis.quit();
  },
);
