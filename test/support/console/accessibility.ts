/** Pages of the console that have no barrier that axe finds, and do not scroll sideways. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { barriers } from '../browser.ts';
import { api, FAILED_LOAD, LAPTOP, OVERFLOW, open, PAGES, PHONE, windowRow } from './page.ts';
import { busy, LONG, letter, quiet } from './world.ts';

type ColorScheme = 'light' | 'dark';
const VIEWPORTS = { laptop: LAPTOP, phone: PHONE };

/** A folder for screenshots of every page, for a person to look at; unset: no screenshots. */
const pictures = process.env.CONSOLE_PICTURES;

/** Checks every page with data. */
export async function expectAccessible(colorScheme: ColorScheme, device: keyof typeof VIEWPORTS): Promise<void> {
  const world = busy();
  world.deadLetters = {
    entries: device === 'phone' ? [letter(), letter({ jobId: 'w-9', probe: LONG, title: LONG, reason: LONG })] : [],
    nextCursor: null,
  };
  const { url } = await api(world);
  const page = await open(url, '#/', { viewport: VIEWPORTS[device], colorScheme });
  for (const [name, hash, ready] of PAGES) {
    await page.goto(`${url}/${hash}`);
    await page.locator(ready).first().waitFor();
    if (name === 'policy') {
      await page.getByRole('button', { name: 'Run backtest' }).click();
      await page.locator('.missed').first().waitFor();
    }
    await page.evaluate(`for (const step of document.querySelectorAll('.step-list details')) step.open = true`);
    if (name === 'costs' || name === 'policy') await page.getByText('Show as a table').click();
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
}

/** Checks questions, errors and empty pages, on a phone. */
export async function expectAccessibleStates(colorScheme: ColorScheme): Promise<void> {
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
}
