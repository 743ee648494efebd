/** The colours and sizes that test/e2e/console/accessibility.test.ts leaves out. */
import { test } from 'vitest';
import { expectAccessible, expectAccessibleStates } from '../support/console/accessibility.ts';
import { setUpConsole } from '../support/console/page.ts';

setUpConsole();

test.each([
  ['light', 'phone'],
  ['dark', 'laptop'],
] as const)('in %s on a %s every page has no barrier and scrolls only vertically', expectAccessible);

test('in light confirmations, errors and empty pages have no barrier either', () => expectAccessibleStates('light'));
