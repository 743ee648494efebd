/** Barriers that axe finds, overflow, and the keyboard. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { barriers } from '../../support/browser.ts';
import {
  api,
  FAILED_LOAD,
  LAPTOP,
  OVERFLOW,
  open,
  PAGES,
  PHONE,
  setUpConsole,
  windowRow,
} from '../../support/console/page.ts';
import { busy, LONG, letter, quiet } from '../../support/console/world.ts';

setUpConsole();

/** A folder for screenshots of every page, for a person to look at; unset: no screenshots. */
const pictures = process.env.CONSOLE_PICTURES;

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([
    ['laptop', LAPTOP],
    ['phone', PHONE],
  ] as const)(
    'on a %s every page has no barrier and scrolls only vertically',
    async (device, viewport) => {
      const world = busy();
      world.deadLetters = {
        entries: device === 'phone' ? [letter(), letter({ jobId: 'w-9', probe: LONG, title: LONG, reason: LONG })] : [],
        nextCursor: null,
      };
      const { url } = await api(world);
      const page = await open(url, '#/', { viewport, colorScheme });
      for (const [name, hash, ready] of PAGES) {
        await page.goto(`${url}/${hash}`);
        await page.locator(ready).first().waitFor();
        if (name === 'costs') await page.getByText('Show as a table').click();
        expect([name, await barriers(page)]).toEqual([name, []]);
        expect([name, await page.evaluate(OVERFLOW)]).toEqual([name, 0]);
        if (pictures) {
          mkdirSync(pictures, { recursive: true });
          await page.screenshot({
            path: join(pictures, `${name}-${device}-${colorScheme}.png`),
            fullPage: device === 'phone',
          });
        }
      }
    },
    60_000,
  );

  test('confirmations, errors and empty pages have no barrier either', async () => {
    const { url, state } = await api(busy());
    const page = await open(url, '#/', { viewport: PHONE, colorScheme }, [FAILED_LOAD]);
    const check = async (name: string) => {
      expect([name, await barriers(page)]).toEqual([name, []]);
      expect([name, await page.evaluate(OVERFLOW)]).toEqual([name, 0]);
      if (pictures) await page.screenshot({ path: join(pictures, `${name}-phone-${colorScheme}.png`), fullPage: true });
    };
    await windowRow(page, 'fly').getByRole('button', { name: 'End now' }).click();
    await page.getByRole('button', { name: 'Pause' }).first().click();
    await check('asking');
    state.override = () => 'reset';
    await page.getByText('The API does not answer').waitFor();
    await check('stale');
    await page.reload();
    await page.getByRole('heading', { name: 'The API does not answer' }).waitFor();
    await check('unreachable');
    state.override = () => ({ status: 401, body: {} });
    await page.getByRole('heading', { name: 'Sign-in needed' }).waitFor();
    await check('unauthorized');
    state.override = () => undefined;
    state.world = quiet();
    await page.reload();
    await page.getByRole('heading', { name: 'All clear' }).waitFor();
    await check('empty');
  }, 60_000);
});

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
      `[...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length`,
    );
    const reached = new Set<string>();
    const invisible: string[] = [];
    for (let i = 0; i < expected + 4; i++) {
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
}, 60_000);
