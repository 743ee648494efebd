import { Redis } from 'ioredis';
import { describe, expect, vi } from 'vitest';
import { aWake, ending, openWindow, test } from '../../../../test/support/fixtures.ts';
import { wakeJobOptions } from '../../src/store/queues.ts';
import { oldestPendingMs, recordOutcome, reopen } from '../../src/store/wake-record.ts';
import { clearWindow, clearWindows, getWindow, listWindows, releaseWindow } from '../../src/store/windows.ts';
import { debounceId } from '../../src/wake/pair.ts';

const WINDOW_MS = 60_000;

const wake = (id: string, probe: string, category = 'down') => aWake({ id, probe, category });

describe('a window', () => {
  test('is read from BullMQ’s own deduplication key, whose layout this pins', async ({ ns }) => {
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
    expect(window?.remainingMs).toBeGreaterThan(WINDOW_MS - 5_000);
    expect(window?.remainingMs).toBeLessThanOrEqual(WINDOW_MS);
    expect(Date.parse(window?.expiresAt ?? '') - Date.parse(window?.openedAt ?? '')).toBeCloseTo(WINDOW_MS, -3);
  });

  test('that was cleared lets the next wake through', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    expect(await clearWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-1' });
    expect(await clearWindow(ns, 'fly', 'down')).toBeUndefined();
    await openWindow(ns, wake('w-2', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-2' });
    expect(await ns.queue.getWaitingCount()).toBe(2);
  });

  test('that opened only just now, and is in no index yet, is cleared and told of', async ({ ns }) => {
    await ns.queue.add(
      'wake',
      { wake: wake('w-9', 'fly') },
      wakeJobOptions(wake('w-9', 'fly'), { windowMs: WINDOW_MS, bypassCritical: false }),
    );
    expect(await clearWindow(ns, 'fly', 'down')).toMatchObject({ wakeId: 'w-9', severity: 'critical' });
    expect(await clearWindow(ns, 'fly', 'down')).toBeUndefined();
  });

  test('is released by the wake that opened it, and by no other', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    await releaseWindow(ns.redis, ns.keys, wake('w-0', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toBeDefined();
    await releaseWindow(ns.redis, ns.keys, wake('w-1', 'fly'));
    expect(await getWindow(ns, 'fly', 'down')).toBeUndefined();
    expect((await listWindows(ns, { limit: 10 })).entries).toEqual([]);
  });
});

describe('the list of windows', () => {
  test('comes in pages that lose and repeat nothing', async ({ ns }) => {
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

  test('keeps to one probe, whatever its name is made of', async ({ ns }) => {
    const names = ['fly', 'fly-2', 'fly:x', 'a/b', '%', '😀', 'p'.repeat(3_000)];
    for (const [i, name] of names.entries()) await openWindow(ns, wake(`w-${i}`, name));
    for (const [i, name] of names.entries()) {
      const { entries } = await listWindows(ns, { probe: name, limit: 10 });
      expect(entries.map(({ wakeId, probe }) => [wakeId, probe])).toEqual([[`w-${i}`, name]]);
    }
  });

  test('drops windows that ended, and still fills its page', async ({ ns }) => {
    for (let i = 0; i < 10; i++) await openWindow(ns, wake(`w-${i}`, `probe-${i}`));
    for (let i = 0; i < 8; i++) await ns.redis.del(ns.keys.dedup(debounceId(`probe-${i}`, 'down')));
    expect((await listWindows(ns, { limit: 2 })).entries.map(({ probe }) => probe)).toEqual(['probe-8', 'probe-9']);
    expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(2);
    expect(await ns.redis.zcard(ns.keys.windowEnds)).toBe(2);
  });

  test('forgets, without looking at each, what ended by its time', async ({ ns }) => {
    await openWindow(ns, wake('w-1', 'fly'));
    await ns.redis.zadd(ns.keys.windowNames, ...Array.from({ length: 2_500 }, (_, i) => [0, `gone:${i}`]).flat());
    await ns.redis.zadd(ns.keys.windowEnds, ...Array.from({ length: 2_500 }, (_, i) => [1, `gone:${i}`]).flat());
    expect((await listWindows(ns, { limit: 1 })).entries).toHaveLength(1);
    expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(1);
  });

  test('can be cleared whole or by probe', async ({ ns }) => {
    for (let i = 0; i < 6; i++) await openWindow(ns, wake(`w-${i}`, i < 4 ? 'fly' : 'vercel', `c-${i}`));
    expect(await clearWindows(ns, 'fly')).toBe(4);
    expect(await clearWindows(ns)).toBe(2);
    expect(await clearWindows(ns)).toBe(0);
  });
});

describe('an outcome', () => {
  test('is recorded and counted once', async ({ ns }) => {
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 1))).toBe(true);
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 2))).toBe(false);
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 3))).toBe(false);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:diagnosis': '1' });
    expect(await ns.redis.hgetall(ns.keys.wake('w-1'))).toEqual({ outcome: 'diagnosis', outcomeAt: '1' });
  });

  test('is waited for until it is there, and again where a dead letter is reopened', async ({ ns }) => {
    const waited = () => oldestPendingMs(ns.redis, ns.keys, 10_000);
    await ns.redis.zadd(ns.keys.pending, 1_000, 'w-1', 4_000, 'w-2');
    await ns.redis.hset(ns.keys.wake('w-1'), 'enqueuedAt', 1_000);
    expect(await waited()).toBe(9_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 5_000));
    expect(await waited()).toBe(6_000);
    await reopen(ns.redis, ns.keys, 'w-1', 6_000);
    expect(await waited()).toBe(9_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 7_000));
    await reopen(ns.redis, ns.keys, 'w-1', 8_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-2', 'diagnosis', 9_000));
    expect(await waited()).toBe(0);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:diagnosis': '2' });
  });

  test('of a dead letter changes once it is told after all', async ({ ns }) => {
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 1));
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'fallback', 2))).toBe(true);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:fallback': '1' });
  });
});

test('the first page asks Redis the same of 20,000 open windows as of 100', async ({ ns }) => {
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
