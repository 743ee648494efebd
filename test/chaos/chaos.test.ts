/** The nemesis for a short while, two seeds at once, as part of every run; `npm run chaos` takes its time. */
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { chaos } from './run.ts';

const SEEDS = [1, 2];
const FAULTS_MS = 30_000;

test('nothing is lost and nothing told twice, whatever is broken meanwhile', { timeout: 200_000 }, async ({
  folder,
  signal,
}) => {
  const said: string[] = [];
  const runs = await Promise.all(
    SEEDS.map((seed) => chaos({ seed, ms: FAULTS_MS, folder, tell: (text) => said.push(text), signal })),
  );
  const verdicts = runs.map(({ violations, failed, lost, unmarkedRepeats }) => ({
    violations,
    failed,
    lost,
    unmarkedRepeats,
    said: violations.length + failed.length > 0 ? said : [],
  }));
  expect(verdicts).toEqual(SEEDS.map(() => ({ violations: [], failed: [], lost: 0, unmarkedRepeats: 0, said: [] })));
  // And something was broken, and something told.
  expect(new Set(runs.flatMap(({ faults }) => [...faults.keys()])).size).toBeGreaterThanOrEqual(6);
  for (const { rows, wakes } of runs) expect([rows > 50, wakes > 3]).toEqual([true, true]);
});
