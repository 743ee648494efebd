/** Calls that are made at once, or during a batch, share one run. */
import { expect, test } from 'vitest';
import { batched } from '../../src/ingest/batched.ts';

test('calls of one turn share a run, and those made during it share the next one', async () => {
  const runs: number[][] = [];
  const { promise: first, resolve: release } = Promise.withResolvers<void>();
  const double = batched(async (items: number[]) => {
    runs.push(items);
    if (runs.length === 1) await first;
    return items.map((n) => n * 2);
  });
  const early = [double(1), double(2)];
  await expect.poll(() => runs.length).toBe(1);
  const late = [double(3), double(4)];
  release();
  expect(await Promise.all([...early, ...late])).toEqual([2, 4, 6, 8]);
  expect(runs).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test('a failure reaches each caller of its run, and the next run works', async () => {
  let isBroken = true;
  const same = batched(async (items: string[]) => {
    if (isBroken) throw new Error('Redis is away');
    return items;
  });
  const results = await Promise.allSettled([same('a'), same('b')]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  isBroken = false;
  expect(await same('c')).toBe('c');
});

test('a run with too few results rejects the callers that have none', async () => {
  const first = batched(async (items: string[]) => items.slice(0, 1));
  const results = await Promise.allSettled([first('a'), first('b')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});
