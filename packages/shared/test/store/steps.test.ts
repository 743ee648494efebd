import { describe, expect } from 'vitest';
import { aToolStep, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { keepSteps, readSteps } from '../../src/store/steps.ts';

const DAY_MS = 86_400_000;

const keep = ({ redis, keys }: Namespace, id: string, output = 'x', maxBytes?: number) =>
  keepSteps(redis, keys, id, [aToolStep(output)], maxBytes);

const kept = async ({ redis, keys }: Namespace) => {
  const ids = await redis.zrange(keys.stepsIndex, '0', '-1');
  const sizes = await redis.hgetall(keys.stepsSizes);
  const lengths = await Promise.all(ids.map(async (id) => Buffer.byteLength((await redis.get(keys.steps(id))) ?? '')));
  const sum = lengths.reduce((all, one) => all + one, 0);
  expect(Object.keys(sizes).toSorted()).toEqual(ids.toSorted());
  expect(ids.map((id) => Number(sizes[id]))).toEqual(lengths);
  expect(Number(await redis.get(keys.stepsBytes))).toBe(sum);
  return { ids, sum };
};

describe('the steps of an investigation', () => {
  test('are kept for 35 days', async ({ ns }) => {
    await keep(ns, 'w-1', 'HTTP 401 é');
    expect(await readSteps(ns.redis, ns.keys, 'w-1')).toEqual([aToolStep('HTTP 401 é')]);
    for (const key of [ns.keys.steps('w-1'), ns.keys.stepsIndex, ns.keys.stepsSizes, ns.keys.stepsBytes]) {
      expect(await ns.redis.ttl(key)).toBeGreaterThan(34 * 86_400);
    }
    expect(await readSteps(ns.redis, ns.keys, 'w-2')).toBeNull();
  });

  test('are null if somebody else wrote something there', async ({ ns }) => {
    for (const text of ['[', '{}', '[{"kind":"tool"}]']) {
      await ns.redis.set(ns.keys.steps('w-1'), text);
      expect(await readSteps(ns.redis, ns.keys, 'w-1')).toBeNull();
    }
  });

  test('take at most 64 KiB', async ({ ns }) => {
    await keep(ns, 'w-1', '"'.repeat(200_000));
    const { sum } = await kept(ns);
    expect(sum).toBeLessThanOrEqual(64 * 1024);
    expect(sum).toBeGreaterThan(60 * 1024);
  });

  test('that are stored again replace the earlier ones, and count once', async ({ ns }) => {
    await keep(ns, 'w-1', 'x'.repeat(5_000));
    await keep(ns, 'w-2');
    await keep(ns, 'w-1', 'shorter');
    expect(await readSteps(ns.redis, ns.keys, 'w-1')).toEqual([aToolStep('shorter')]);
    expect((await kept(ns)).ids.toSorted()).toEqual(['w-1', 'w-2']);
  });

  test('are dropped, oldest first, while all together are over the limit', async ({ ns }) => {
    for (const id of ['w-1', 'w-2', 'w-3', 'w-4']) {
      await keep(ns, id, 'x'.repeat(1_000), 4_000);
      // Redis orders steps of one millisecond by their id, not by time.
      await ns.redis.zincrby(ns.keys.stepsIndex, -10 + Number(id.slice(2)), id);
    }
    const { ids, sum } = await kept(ns);
    expect([ids, sum <= 4_000]).toEqual([['w-2', 'w-3', 'w-4'], true]);
    expect(await readSteps(ns.redis, ns.keys, 'w-1')).toBeNull();
    await keep(ns, 'w-5', 'x'.repeat(3_000), 4_000);
    expect((await kept(ns)).ids).toEqual(['w-5']);
  });

  test('that have expired do not count', async ({ ns }) => {
    await keep(ns, 'w-1');
    await ns.redis.del(ns.keys.steps('w-1'));
    await ns.redis.zadd(ns.keys.stepsIndex, Date.now() - 36 * DAY_MS, 'w-1');
    await keep(ns, 'w-2');
    expect((await kept(ns)).ids).toEqual(['w-2']);
  });
});
