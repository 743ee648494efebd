/** More patterns that are slow on a hostile text. Each takes the time limit of its trial. */
import { isFastOnHostileText } from '@kora-wake/shared/runtime/pattern-trial';
import { expect, test } from 'vitest';

test.each([
  '(?:[a-z]+)*!',
  '(a|aa)+$',
  '(x|x)*y',
  'secret=(?:\\w+\\d+)+;',
  '\\w+token',
  '(?<=id: )(?:\\d+,?)+;',
  'a*a*a*a*b',
])('the pattern %s is a fault', (source) => {
  expect(isFastOnHostileText(new RegExp(source, 'g'))).toBe(false);
});
