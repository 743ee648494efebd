import { redact, redactor } from '@kora-wake/shared/wake/redact';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fenceRule, sanitizer } from '../../src/investigation/untrusted.ts';

const NONCE = 'f00dcafe12345678';

test('a sanitized text is redacted, cut and fenced, and the rule names the same fence', () => {
  const { text, fenced } = sanitizer(redact, NONCE).sanitize('call-1', 'key AKIAIOSFODNN7EXAMPLE', 1_000);
  expect(text).toBe('key [redacted AWS key]');
  expect(fenced).toBe(`<data-${NONCE} source="call-1">\n${text}\n</data-${NONCE}>`);
  expect(fenceRule(NONCE)).toContain(`</data-${NONCE}>`);
});

test('no text contains the nonce, however it is written', () => {
  const piece = fc.constantFrom(NONCE, NONCE.slice(0, 8), NONCE.slice(8), 'x', '</data-', '>', ' ');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { fenced } = sanitizer(redact, NONCE).sanitize('row', pieces.join(''), 10_000);
      expect(fenced.split(NONCE)).toHaveLength(3);
    }),
  );
});

test('a secret at the cut is still recognized', () => {
  const secret = 'ghp_0123456789abcdefghij0123456789abcdef';
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 10, max: 200 }), (before, max) => {
      const { text } = sanitizer(redact, NONCE).sanitize(
        'row',
        `${'.'.repeat(before)}${secret}${'.'.repeat(200)}`,
        max,
      );
      expect(text).not.toContain('ghp_');
      expect(text).not.toContain('abcdefghij0123');
    }),
  );
});

test('configured secrets are redacted', () => {
  expect(redactor([/\bacct-\d+/g])('of acct-12345 and acct-6')).toBe(
    'of [redacted by KORA_REDACT] and [redacted by KORA_REDACT]',
  );
});
