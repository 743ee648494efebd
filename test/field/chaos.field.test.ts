/** A short chaos run with two seeds at once. `npm run chaos` runs longer ones. */
import { expect } from 'vitest';
import { chaos } from '../chaos/run.ts';
import { test } from '../support/fixtures.ts';

const SEEDS = [1, 2];
const FAULTS_MS = 30_000;

test('no wake is lost and none is sent twice, whatever fault is injected', { timeout: 1_200_000 }, async ({
  folder,
  signal,
}) => {
  const output: string[] = [];
  const runs = await Promise.all(
    SEEDS.map((seed) => chaos({ seed, ms: FAULTS_MS, folder, report: (text) => output.push(text), signal })),
  );
  const verdicts = runs.map(({ violations, failed, lost, unmarkedRepeats }) => ({
    violations,
    failed,
    lost,
    unmarkedRepeats,
    output: violations.length + failed.length > 0 ? output : [],
  }));
  expect(verdicts).toEqual(SEEDS.map(() => ({ violations: [], failed: [], lost: 0, unmarkedRepeats: 0, output: [] })));
  // Proof that the run did something: faults were injected and wakes were sent.
  expect(new Set(runs.flatMap(({ faults }) => [...faults.keys()])).size).toBeGreaterThanOrEqual(6);
  for (const { rows, wakes } of runs) expect([rows > 50, wakes > 3]).toEqual([true, true]);
});
