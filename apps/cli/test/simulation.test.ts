/** The simulation, compared with results that can be computed by hand. */

import { parsePolicy } from '@kora-wake/shared/policy/policy';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertBounded } from '../../../test/support/property.ts';
import { random } from '../src/random.ts';
import { type Plan, simulate, simulateWakes } from '../src/simulation.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

const PLAN: Plan = {
  pairs: 1,
  incidentsADay: 1,
  incidentMs: 30 * MINUTE,
  rowEveryMs: MINUTE,
  outageShare: 0,
  windowMs: 10 * MINUTE,
  rules: [],
  workers: 1,
  concurrency: 2,
  engineMs: 20_000,
  engineSpread: 0,
  paceMs: 1_000,
  overheadMs: 0,
  budgetUsd: 0,
  usd: [0.06, 0.04, 0.02],
  days: 30,
};
const randomNumbers = random(1).fraction;

test('an outage of many pairs is one storm, whose digest names all of them soon', () => {
  const outage = { ...PLAN, pairs: 1_000, incidentsADay: 0, outageShare: 1, days: 1, rowEveryMs: 30_000 };
  const usual = simulate(outage, random(1).fraction);
  const gathered = simulate({ ...outage, storm: { pairs: 8, withinMs: MINUTE } }, random(1).fraction);
  expect(usual).toMatchObject({ storms: 0, digested: 0 });
  expect(gathered.wakes).toBe(usual.wakes);
  expect(gathered.storms).toBeGreaterThan(0);
  expect(gathered.digested).toBeGreaterThan(990);
  expect(gathered.toDm.max).toBeLessThan(usual.toDm.max / 10);
  expect(gathered.usd).toBeLessThan(usual.usd / 10);
});

describe('simultaneous wakes', () => {
  const burst = Array.from({ length: 6 }, () => 0);

  test('wait for a worker, two at a time', () => {
    const { toDm, waiting } = simulateWakes(burst, { ...PLAN, paceMs: 0 }, randomNumbers);
    expect(toDm).toEqual({ median: 40_000, p99: 60_000, max: 60_000 });
    expect(waiting.investigations).toBe(4);
  });

  test('and then for Slack, one a second', () => {
    const { toDm, waiting } = simulateWakes(burst, { ...PLAN, concurrency: 6 }, randomNumbers);
    expect(toDm).toEqual({ median: 23_000, p99: 25_000, max: 25_000 });
    expect(waiting.deliveries).toBe(5);
  });

  test('cost less at each budget tier, and are sent without a diagnosis when the budget is spent', () => {
    const many = Array.from({ length: 100 }, (_, i) => i);
    const ladder = { budgetUsd: 1, usd: [1 / 16, 1 / 32, 1 / 64] } as const;
    const { usd, withoutDiagnosis } = simulateWakes(many, { ...PLAN, ...ladder }, randomNumbers);
    // 12 reach 75 % of the budget. 5 more at half the price reach 90 %. The rest pays 6 more at a quarter of the price.
    expect([usd, withoutDiagnosis]).toEqual([1, 100 - 12 - 5 - 6]);
  });
});

test('an incident of one hour with a row per minute gives one wake per window of ten minutes', () => {
  // A random number of 1 - 1/e gives the mean of the exponential distribution: one incident of one hour.
  const chances = [0, 1 - Math.exp(-0.5), 1 - Math.exp(-100), 1 - Math.exp(-1)];
  const { rows, wakes } = simulate({ ...PLAN, incidentMs: 60 * MINUTE }, () => chances.shift() ?? 0.5);
  expect([rows, wakes]).toEqual([61, 7]);
});

test.each([
  ['consecutive: 3', [61, 6]],
  ['window: 30m', [61, 3]],
  ['window: 5m\n    backoff: { factor: 2, max: 20m }', [61, 5]],
  ['match: { probe: probe-9 }\n    window: 1h', [61, 7]],
  ['mute: [{ cron: "0 0 * * *", for: 12h }]', [61, 0]],
])('a policy decides the rows of an incident: %s', (rule, counts) => {
  const read = parsePolicy(`version: 1\nrules:\n  - ${rule}\n`);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  const chances = [0, 1 - Math.exp(-0.1), 1 - Math.exp(-100), 1 - Math.exp(-1)];
  const plan = { ...PLAN, rules: read.policy.rules, incidentMs: 60 * MINUTE };
  const { rows, wakes } = simulate(plan, () => chances.shift() ?? 0.5);
  expect([rows, wakes]).toEqual(counts);
});

test('for any plan, wakes and cost stay within their limits and no delay is negative', async () => {
  await assertBounded(
    fc.property(
      fc.record({
        pairs: fc.integer({ min: 1, max: 300 }),
        incidentsADay: fc.double({ min: 0.01, max: 20, noNaN: true }),
        outageShare: fc.double({ min: 0, max: 1, noNaN: true }),
        windowMs: fc.constantFrom(0, 10 * MINUTE, DAY),
        workers: fc.integer({ min: 1, max: 4 }),
        engineSpread: fc.constantFrom(0, 0.4, 1),
        budgetUsd: fc.constantFrom(0, 1, 50),
      }),
      fc.integer(),
      (some, seed) => {
        const plan = { ...PLAN, days: 3, ...some };
        const { rows, wakes, withoutDiagnosis, usd, toDm, busy } = simulate(plan, random(seed).fraction);
        expect(wakes).toBeLessThanOrEqual(rows);
        expect(plan.windowMs > 0 || wakes === rows).toBe(true);
        expect(plan.budgetUsd > 0 || withoutDiagnosis === 0).toBe(true);
        expect(usd).toBeLessThanOrEqual(plan.budgetUsd === 0 ? Infinity : plan.budgetUsd + 1e-9);
        expect(toDm.median).toBeGreaterThanOrEqual(0);
        expect(toDm.max).toBeGreaterThanOrEqual(toDm.p99);
        expect(busy.workers).toBeGreaterThanOrEqual(0);
      },
    ),
    'simulation',
    60,
  );
});
