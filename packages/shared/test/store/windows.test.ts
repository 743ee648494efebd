import { Redis } from 'ioredis';
import { describe, expect, vi } from 'vitest';
import { aWake, openWindow, test } from '../../../../test/support/fixtures.ts';
import { wakeJobOptions } from '../../src/store/queues.ts';
import { clearWindow, clearWindows, getWindow, listWindows, releaseWindow } from '../../src/store/windows.ts';
import { debounceId } from '../../src/wake/pair.ts';

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
    expect(await ns.queue.getWaitingCount()).toBe(2);
  });

  test('that is not in the index yet can be cleared, and is returned', async ({ ns }) => {
    await ns.queue.add(
      'wake',
      { wake: wake('w-9', 'fly') },
      wakeJobOptions(wake('w-9', 'fly'), { windowMs: WINDOW_MS, bypassCritical: false }),
    );
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
    let after: string | undefined;
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

test('the first page of 20,000 open windows needs the same commands as that of 100', async ({ ns }) => {
  const openMore = async (from: number, to: number) => {
    const ids = Array.from({ length: to - from }, (_, i) => debounceId(`probe-${from + i}`, 'down'));
    const endsAt = Date.now() + 60_000;
    await ns.redis.zadd(ns.keys.windowNames, ...ids.flatMap((id) => [0, id]));
    await ns.redis.zadd(ns.keys.windowEnds, ...ids.flatMap((id) => [endsAt, id]));
    await ns.redis.mset(ids.flatMap((id) => [ns.keys.dedup(id), 'w-1']));
    await Promise.all(ids.map((id) => ns.redis.pexpireat(ns.keys.dedup(id), endsAt)));
  };
  const redis = new Redis(ns.redisUrl);
  await redis.ping();
  const asked = vi.spyOn(redis, 'sendCommand');
  const firstPage = async () => {
    asked.mockClear();
    const { entries, next } = await listWindows({ ...ns, redis }, { limit: 50 });
    expect([entries.length, next]).toEqual([50, expect.any(String)]);
    return asked.mock.calls.map(([{ name }]) => name).toSorted();
  };
  await openMore(0, 100);
  // The first call also sends the text of the scripts.
  await firstPage();
  const few = await firstPage();
  await openMore(100, 20_000);
  expect(await firstPage()).toEqual(few);
  expect(few.filter((name) => /scan|keys|zrange$|zrangebyscore/i.test(name))).toEqual([]);
  await redis.quit();
});
