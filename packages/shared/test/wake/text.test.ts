import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutMiddle, firstChars, shorten, shortenForSlack } from '../../src/wake/text.ts';

test.each([
  ['short', 5, 'short'],
  ['longer', 5, 'longe'],
  ['ab😀', 3, 'ab'],
  ['ab😀', 4, 'ab😀'],
  ['a\uD83Db', 9, 'a\uFFFDb'],
])('the first characters of %j, at most %i', (text, max, expected) => {
  expect(firstChars(text, max)).toBe(expected);
});

test.each([
  ['short', 5, 'short'],
  ['longer', 5, 'long…'],
  ['abc😀d', 5, 'abc…'],
])('%j shortened to %i characters, mark included', (text, max, expected) => {
  expect(shorten(text, max)).toBe(expected);
});

test('a mark of several characters counts towards the maximum', () => {
  expect(shorten('a'.repeat(20), 10, '… (cut)')).toBe('aaa… (cut)');
});

test('a text for Slack counts its escapes', () => {
  expect(shortenForSlack('<'.repeat(25), 100)).toBe('<'.repeat(25));
  expect(shortenForSlack('<'.repeat(26), 100, { words: ' in the log' })).toBe(
    `${'<'.repeat(10)} … (16 more characters in the log)`,
  );
});

test.each([
  ['after a sentence', `One is down. Two is "slow." ${'x'.repeat(60)}`, 'One is down. Two is "slow."'],
  ['before a line break', `One is down and two is slow\n${'x'.repeat(60)}`, 'One is down and two is slow'],
  ['after a word', `One is down and two is slow ${'x'.repeat(60)}`, 'One is down and two is slow'],
  [
    'not inside a version or an address',
    `The v1.2 of db.example.com is down ${'x'.repeat(60)}`,
    'The v1.2 of db.example.com is down',
  ],
  ['anywhere if that would lose more than half', `A. ${'x'.repeat(90)}`, `A. ${'x'.repeat(37)}`],
])('a text for Slack is cut %s', (_name, text, kept) => {
  const shortened = shortenForSlack(text + 'y'.repeat(100), 100);
  expect(shortened.slice(0, shortened.indexOf(' … ('))).toBe(kept);
});

test('a text without an end to cut at is shortened in linear time', () => {
  for (const text of ['.'.repeat(300_000), '."'.repeat(200_000), '\n'.repeat(300_000)]) {
    expect(shortenForSlack(text, 200_000)).toMatch(/more characters\)$/);
  }
});

test('a cut keeps both ends and whole characters, and notes the number of cut bytes', () => {
  const long = fc.string({ unit: 'binary', minLength: 210, maxLength: 400 });
  fc.assert(
    fc.property(long, fc.integer({ min: 4, max: 200 }), (given, max) => {
      const text = cutMiddle(given, max);
      expect(text).toContain(`(${Buffer.byteLength(given) - 2 * Math.floor(max / 2)} bytes in the middle are cut)`);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(max + 60);
      expect(cutMiddle(given, 2_000)).toBe(given);
    }),
  );
});
