/** Barriers that axe finds, overflow, and the keyboard. test/field/accessibility.field.test.ts has the other colours and sizes. */
import { expect, test } from 'vitest';
import { expectAccessible, expectAccessibleStates } from '../../support/console/accessibility.ts';
import { api, open, PAGES, setUpConsole } from '../../support/console/page.ts';
import { busy, letter } from '../../support/console/world.ts';

setUpConsole();

test.each([
  ['light', 'laptop'],
  ['dark', 'phone'],
] as const)('in %s on a %s every page has no barrier and scrolls only vertically', expectAccessible);

test('in dark confirmations, errors and empty pages have no barrier either', () => expectAccessibleStates('dark'));

test('the keyboard reaches every control, and each shows its focus', async () => {
  const world = busy();
  world.deadLetters = { entries: [letter()], nextCursor: null };
  const { url } = await api(world);
  const page = await open(url);
  for (const [, hash, ready] of PAGES) {
    await page.goto(`${url}/${hash}`);
    await page.reload();
    await page.locator(ready).first().waitFor();
    const expected: number = await page.evaluate(
      `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length`,
    );
    const reached = new Set<string>();
    const invisible: string[] = [];
    // A field for a time has a stop for each of its parts.
    const parts = 8 * (await page.locator('input[type="datetime-local"]:visible').count());
    for (let i = 0; i < expected + parts + 4; i++) {
      await page.keyboard.press('Tab');
      const focus: { key: string; ring: boolean } | null = await page.evaluate(`(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        e.dataset.reached ??= String(Math.random());
        const { outlineStyle, outlineWidth } = getComputedStyle(e);
        return { key: e.dataset.reached, ring: outlineStyle !== 'none' && outlineWidth !== '0px' };
      })()`);
      if (!focus) continue;
      reached.add(focus.key);
      if (!focus.ring) invisible.push(await page.evaluate('document.activeElement.outerHTML.slice(0, 200)'));
    }
    expect([hash, reached.size]).toEqual([hash, expected]);
    expect(invisible).toEqual([]);
  }
});
