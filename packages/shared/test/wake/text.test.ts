import { expect, test } from 'vitest';
import { firstChars, shorten, shortenForSlack } from '../../src/wake/text.ts';

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
  expect(shortenForSlack('<'.repeat(26), 100, ' in the log')).toBe(
    `${'<'.repeat(10)} … (16 more characters in the log)`,
  );
});
