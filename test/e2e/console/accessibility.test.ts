/** Barriers that axe finds, overflow, and the keyboard. test/field/accessibility.field.test.ts has the other colours and sizes. */
import type { Page as BrowserPage } from 'playwright-core';
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

/** The visible controls that did not have the focus yet. */
async function controlsLeft(page: BrowserPage): Promise<string[]> {
  return page.evaluate(
    `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility() && e.dataset.reached === undefined).map((e) => e.outerHTML.slice(0, 200))`,
  );
}

test('the keyboard reaches every control, and each shows its focus', async () => {
  const world = busy();
  world.deadLetters = { entries: [letter()], nextCursor: null };
  const { url } = await api(world);
  const page = await open(url);
  for (const [, hash, ready] of PAGES) {
    await page.goto(`${url}/${hash}`);
    await page.reload();
    await page.locator(ready).first().waitFor();
    const invisible: string[] = [];
    let unreached = await controlsLeft(page);
    // A field for a time has a stop for each of its parts. The page may load or renew controls meanwhile: they come in a second round.
    const parts = 8 * (await page.locator('input[type="datetime-local"]:visible').count());
    for (let left = 2 * (unreached.length + parts + 4); unreached.length > 0 && left > 0; left--) {
      await page.keyboard.press('Tab');
      const hidden: string | null = await page.evaluate(`(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        e.dataset.reached = '';
        const { outlineStyle, outlineWidth } = getComputedStyle(e);
        return outlineStyle !== 'none' && outlineWidth !== '0px' ? null : e.outerHTML.slice(0, 200);
      })()`);
      if (hidden !== null) invisible.push(hidden);
      unreached = await controlsLeft(page);
    }
    expect([hash, unreached]).toEqual([hash, []]);
    expect(invisible).toEqual([]);
  }
});
