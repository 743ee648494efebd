import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertBounded } from '../../../../test/support/property.ts';
import { fitSteps } from '../../src/wake/steps.ts';

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe('steps that are fitted into a limit', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc
      .record({ unit: fc.constantFrom('x', 'é', '🔥', '\u0000', '"'), times: fc.nat(4_000) })
      .map(({ unit, times }) => unit.repeat(times)),
  );
  const step = fc.record({ name: fc.string({ maxLength: 20 }), input: text, output: text });

  test('never take more, and every step is there or counted', async () => {
    await assertBounded(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 100, max: 20_000 }), (steps, max) => {
        const fitted = fitSteps(steps, max);
        expect(bytes(fitted)).toBeLessThanOrEqual(max);
        const missing = fitted.flatMap((one) => ('count' in one ? [one.count] : []));
        expect(missing.length).toBeLessThanOrEqual(1);
        const [count = 0] = missing;
        expect(fitted.length - missing.length + count).toBe(steps.length);
        const names = fitted.flatMap((one) => ('name' in one ? [one.name] : []));
        const first = Math.ceil(names.length / 2);
        const last = names.length - first;
        expect(names).toEqual([...steps.slice(0, first), ...steps.slice(steps.length - last)].map(({ name }) => name));
        expect(JSON.stringify(fitted) === JSON.stringify(steps)).toBe(bytes(steps) <= max);
      }),
      'fitted steps',
      300,
    );
  });

  test('lose the middle of their longest texts first, and a note says how much', () => {
    const long = { input: 'short', output: `begin${'x'.repeat(50_000)}end` };
    const other = { input: 'y'.repeat(9_000), output: 'short' };
    const [cut, kept] = fitSteps([long, other], 20_000);
    expect(kept).toEqual(other);
    expect(cut).toMatchObject({
      input: 'short',
      output: expect.stringMatching(/^beginx+\n… \(\d+ bytes in the middle are cut\) …\nx+end$/),
    });
    expect(bytes([cut, kept])).toBeGreaterThan(19_000);
  });

  test('keep their ends if there are too many', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => ({ input: `in ${i}`, output: `out ${i}` }));
    const fitted = fitSteps(many, 2_000);
    expect(fitted[0]).toEqual(many[0]);
    expect(fitted.at(-1)).toEqual(many.at(-1));
    expect(fitted).toContainEqual({ kind: 'omitted', count: 5_001 - fitted.length });
  });
});
