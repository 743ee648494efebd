/** The cache gives the same results as the redactor. */
import { redactor } from '@kora-wake/shared/wake/redact';
import { expect, test } from 'vitest';
import { cachedRedact } from '../../src/ingest/cached-redact.ts';

test('a text is redacted once, but separately for each key and for names', () => {
  let calls = 0;
  const redact = redactor([], { certain: [], likely: ['shop-eu-1'] });
  const cached = cachedRedact((text, about) => {
    calls++;
    return redact(text, about);
  });
  const texts = ['shop-eu-1', 'hunter22', 'a\nb', 'critical'];
  const abouts = [{}, { key: 'password' }, { key: 'a' }, { isName: true }];
  for (let round = 0; round < 2; round++) {
    for (const text of texts) for (const about of abouts) expect(cached(text, about)).toBe(redact(text, about));
  }
  expect(calls).toBe(texts.length * abouts.length);
  expect(cached('hunter22', { key: 'password' })).toBe('[redacted value]');
  expect(cached('hunter22')).toBe('hunter22');
});

test('key and text are not mixed up, and many texts do not fill the memory', () => {
  const cached = cachedRedact((text, { key = '' } = {}) => `${key}|${text}`);
  expect(cached('bc', { key: 'a' })).toBe('a|bc');
  expect(cached('c', { key: 'ab' })).toBe('ab|c');
  expect(cached('1:a')).toBe('|1:a');
  expect(cached('', { key: 'a' })).toBe('a|');
  for (let i = 0; i < 20_000; i++) expect(cached(`text ${i}`)).toBe(`|text ${i}`);
});
