/** The simulation against what can be said of it without one. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bounded } from '../../../test/support/property.ts';
import { random } from '../src/random.ts';
import { follow, type Plan, simulate } from '../src/simulation.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

const PLAN: Plan = {
  pairs: 1,
  incidentsADay: 1,
  incidentMs: 30 * MINUTE,
  rowEveryMs: MINUTE,
  outageShare: 0,
  windowMs: 10 * MINUTE,
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
const one = random(1).fraction;

describe('wakes that come at once', () => {
  const burst = Array.from({ length: 6 }, () => 0);

  test('wait for a worker, two at a time', () => {
    const { toDm, waiting } = follow(burst, { ...PLAN, paceMs: 0 }, one);
    expect(toDm).toEqual({ median: 40_000, p99: 60_000, max: 60_000 });
    expect(waiting.investigations).toBe(4);
  });

  test('and then for Slack, one a second', () => {
    const { toDm, waiting } = follow(burst, { ...PLAN, concurrency: 6 }, one);
    expect(toDm).toEqual({ median: 23_000, p99: 25_000, max: 25_000 });
    expect(waiting.deliveries).toBe(5);
  });

  test('cost less from rung to rung, and are told without a diagnosis once nothing is left', () => {
    const many = Array.from({ length: 100 }, (_, i) => i);
    const ladder = { budgetUsd: 1, usd: [1 / 16, 1 / 32, 1 / 64] } as const;
    const { usd, withoutDiagnosis } = follow(many, { ...PLAN, ...ladder }, one);
    // 12 reach 75 % of it and 5 at half the price 90 %; what is left is 6 times a quarter of the price.
    expect([usd, withoutDiagnosis]).toEqual([1, 100 - 12 - 5 - 6]);
  });
});

test('an incident of an hour, a row a minute, wakes once in each window of ten minutes', () => {
  // An exponential chance of 1 - 1/e is its mean: one incident, of an hour.
  const chances = [0, 1 - Math.exp(-0.5), 1 - Math.exp(-100), 1 - Math.exp(-1)];
  const { rows, wakes } = simulate({ ...PLAN, incidentMs: 60 * MINUTE }, () => chances.shift() ?? 0.5);
  expect([rows, wakes]).toEqual([61, 7]);
});

test('whatever the plan, no row is lost, no budget passed, and no message sent before its time', () => {
  fc.assert(
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
    bounded('simulation', 60),
  );
});
