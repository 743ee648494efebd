/** Patterns of names, compared with regular expressions. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { coversGlob, globMistake, matchesGlob, overlapsGlob } from '../../src/policy/glob.ts';

const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.'), maxLength: 10 });

const oracle = (glob: string) =>
  new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');

test('a pattern matches as the regular expression with the same meaning', () => {
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      expect(matchesGlob(glob, name)).toBe(oracle(glob).test(name));
    }),
    { numRuns: 2_000 },
  );
});

test('a pattern that covers another one matches all that the other one matches', () => {
  fc.assert(
    fc.property(pattern, pattern, text, (wide, narrow, name) => {
      fc.pre(coversGlob(wide, narrow) && matchesGlob(narrow, name));
      expect(matchesGlob(wide, name)).toBe(true);
    }),
    { numRuns: 500, maxSkipsPerRun: 1_000 },
  );
});

test('two patterns that match one text overlap', () => {
  fc.assert(
    fc.property(pattern, pattern, text, (a, b, name) => {
      fc.pre(matchesGlob(a, name) && matchesGlob(b, name));
      expect(overlapsGlob(a, b)).toBe(true);
    }),
    { numRuns: 500, maxSkipsPerRun: 1_000 },
  );
});

test.each([
  ['*', 'fly', true],
  ['fly*', 'fly-eu', true],
  ['fly*', 'f*', false],
  ['f*', 'fly*', true],
  ['?ly', 'fly', true],
  ['fly', '?ly', false],
  ['*', '*', true],
  ['**', '*', true],
  ['a*b', 'a*c*b', true],
])('%s covers %s: %s', (wide, narrow, covers) => {
  expect(coversGlob(wide, narrow)).toBe(covers);
});

test.each([
  ['fly*', '*db', true],
  ['fly*', 'sentry', false],
  ['a?', 'ab', true],
  ['a?', 'abc', false],
  ['*x*', 'abc', false],
])('%s and %s overlap: %s', (a, b, overlaps) => {
  expect(overlapsGlob(a, b)).toBe(overlaps);
});

test('many stars do not take exponential time', () => {
  const glob = `${'*a'.repeat(90)}*b`;
  expect(matchesGlob(glob, 'a'.repeat(200))).toBe(false);
  expect(coversGlob(glob, `${'a'.repeat(90)}*`)).toBe(false);
});

test.each(['', ' fly', 'fly[12]', 'fly{a,b}', 'x'.repeat(201)])('%j is no pattern', (glob) => {
  expect(globMistake(glob)).toBeDefined();
});
