import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson } from '../../src/wake/json.ts';
import { readWake } from '../../src/wake/wake.ts';

test.each([
  ['9007199254740993', '9007199254740993'],
  ['-9007199254740993', '-9007199254740993'],
  ['18446744073709551615', '18446744073709551615'],
  ['[12345678901234567890, {"a": 12345678901234567891}]', ['12345678901234567890', { a: '12345678901234567891' }]],
  ['9007199254740991', 9007199254740991],
  ['"12345678901234567890"', '12345678901234567890'],
  ['1.5000000000000000000', 1.5],
  ['10000000000000000e2', 1e18],
])('%s is read as %j', (text, value) => {
  expect(parseJson(text)).toEqual(value);
});

test('two pairs whose ids differ in the last digit stay two pairs', () => {
  const ids = ['12345678901234567890', '12345678901234567891'];
  const rows = ids.map(
    (id) => `{"seam":"probe.wake_requested","details":{"probe":${id},"category":${id},"title":${id}}}`,
  );
  const wakes = rows.map((row) => readWake(parseJson(row), 'w-1', 0));
  expect(wakes).toMatchObject(ids.map((id) => ({ probe: id, category: id, title: id })));
});

test('any other JSON is read as JSON.parse reads it, also if it is nested deeply', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      fc.pre(!/\d{16}(?![.e])/.test(text.replace(/\.\d+/g, '')));
      const withManyDigits = `[${text},"1234567890123456"]`;
      expect(parseJson(withManyDigits)).toEqual(JSON.parse(withManyDigits));
    }),
  );
  const deep = `${'['.repeat(100_000)}"1234567890123456"${']'.repeat(100_000)}`;
  expect(Array.isArray(parseJson(deep))).toBe(true);
  expect(() => parseJson('{"a": 12345678901234567890')).toThrow(SyntaxError);
});
