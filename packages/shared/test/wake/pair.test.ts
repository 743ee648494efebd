import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { debounceId, pairOfDebounceId, probePrefix } from '../../src/wake/pair.ts';

const name = fc.string({ unit: 'grapheme' }).map((s) => s.toWellFormed());

test('a deduplication id can be read back, so that no two pairs share one', () => {
  fc.assert(
    fc.property(name, name, (probe, category) => {
      expect(pairOfDebounceId(debounceId(probe, category))).toEqual({ probe, category });
    }),
  );
});

test('(a:b, c) and (a, b:c) differ', () => {
  expect(debounceId('a:b', 'c')).not.toBe(debounceId('a', 'b:c'));
});

test('the ids of one probe begin alike, and no other probe’s do', () => {
  expect(debounceId('fly', 'x').startsWith(probePrefix('fly'))).toBe(true);
  expect(debounceId('fly-2', 'x').startsWith(probePrefix('fly'))).toBe(false);
  expect(debounceId('fly:x', 'y').startsWith(probePrefix('fly'))).toBe(false);
});
