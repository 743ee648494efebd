import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/runtime/config.ts';
import { isFastOnHostileText } from '../../src/runtime/pattern-trial.ts';

describe('a pattern that is slow on a hostile text', () => {
  // Each takes three seconds, so test/field/pattern-trial.field.test.ts has more of them.
  test.each(['(a+)+$', '[a-z]+@[a-z]+[.]com', '(?=(x+x+)+y)x'])('%s is a fault', (source) => {
    expect(isFastOnHostileText(new RegExp(source, 'g'))).toBe(false);
  });

  test('is a fault of the configuration that names the variable, and not the pattern', () => {
    expect(() => loadConfig({ KORA_HOME: '/tmp/kora', KORA_REDACT: 'token-\\d{4} (a+)+$' })).toThrow(
      /^the configuration is not usable:\n {2}KORA_REDACT must be [^()]*the 2\. is not: limit[^(]*$/,
    );
  });
});

test.each([
  'hunter2',
  'token-[0-9a-f]{32}',
  'password=[^ ]+',
  '\\bACME[A-Z0-9]{8,64}\\b',
  '(?:key|secret)[=:]\\w+',
  '(?<=\\bssn )\\d{3}-\\d{2}-\\d{4}',
  '[^\\x00-\\x7f]+',
  '\\p{L}x',
  '(a)\\1',
])('the pattern %s is accepted', (source) => {
  expect(isFastOnHostileText(new RegExp(source, 'g'))).toBe(true);
});
