/** The built console in a real browser, against the fake API. */
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page as BrowserPage } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { launchBrowser, watchedPage } from '../browser.ts';
import { WAIT_MS } from '../spawn.ts';
import { startFakeApi } from './fake-api.ts';
import type { World } from './world.ts';

/** The built console. `npm test` builds it first. */
const built = join(import.meta.dirname, '../../../apps/console/dist');
let browser: Browser;

/** Starts a browser for the tests of one file. */
export function setUpConsole(): void {
  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
  });
}

/** Folder of the built console. */
export const builtFolder = () => built;

export const api = (world: World) => startFakeApi(built, world);

export const LAPTOP = { width: 1366, height: 768 };
export const PHONE = { width: 360, height: 800 };

/** Opens a page of the console. The end of the test checks that the browser logged no unexpected error and contacted no other origin. */
export async function open(
  url: string,
  hash = '#/',
  options: BrowserContextOptions = {},
  expected: RegExp[] = [],
): Promise<BrowserPage> {
  const { page, complaints, foreign } = await watchedPage(browser, url, {
    viewport: LAPTOP,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  page.setDefaultTimeout(WAIT_MS);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.log(`The page shows:\n${await shownText(page)}`);
    await page.context().close();
    expect(complaints.filter((text) => !expected.some((pattern) => pattern.test(text)))).toEqual([]);
    expect(foreign).toEqual([]);
  });
  await page.goto(`${url}/${hash}`);
  return page;
}

/** For the report of a test that failed. A page that does not even answer says so. */
async function shownText(page: BrowserPage): Promise<string> {
  return page.locator('body').innerText({ timeout: 5_000 }).catch(String);
}

/** The browser's own message for an answer that is not a success. */
export const FAILED_LOAD = /Failed to load resource/;

export const text = (page: BrowserPage, selector: string) => page.locator(selector).innerText();
export const seconds = (countdown: string) => countdown.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
export const windowRow = (page: BrowserPage, name: string) => page.locator('.windows li').filter({ hasText: name });

export const PAGES: [name: string, hash: string, ready: string][] = [
  ['overview', '#/', '.wake'],
  ['investigations', '#/investigations', '.wakemark'],
  ['histogram', '#/investigations?window=all', '.bucket'],
  ['filters', '#/investigations?severity=critical&outcome=dead&from=2026-01-01T00:00:00.000Z', '.wake'],
  ['investigation', '#/investigations/w-1', '.slack'],
  ['investigation-nasty', `#/investigations/${encodeURIComponent('w/3 %')}`, '.slack'],
  ['investigation-long', '#/investigations/w-5', '.slack'],
  ['investigation-without-steps', '#/investigations/w-older-0', '.slack'],
  ['fallback', '#/investigations/w-2', '.slack'],
  ['incidents', '#/incidents?state=all', '.open-incidents li'],
  ['incident', '#/incidents/i-1', '.slack'],
  ['incident-storm', '#/incidents/i-3', '.slack'],
  ['incident-nasty', '#/incidents/i-2', '.slack'],
  ['setup', '#/setup', '.checks'],
  ['noise', '#/noise', '.pairs .try'],
  ['noise-trial', '#/noise?probe=fly&category=service_unhealthy', '.trial .missed'],
  ['costs', '#/costs', '.chart rect'],
  ['policy', '#/policy', '.policy-form'],
];

/** Pixels by which the page is wider than the window. */
export const OVERFLOW = 'Math.max(0, document.documentElement.scrollWidth - innerWidth)';

/** Loads the page again with a clock that `passTime` can move. */
export async function reloadWithClock(page: BrowserPage): Promise<void> {
  await page.clock.install();
  await page.reload();
}

/** Lets ten polls become due at once, and returns after a later request was answered, so theirs have arrived too. */
export async function passTime(page: BrowserPage): Promise<void> {
  await page.clock.runFor(30_000);
  await page.evaluate(`fetch(new URL('/', location.origin)).then((response) => response.text())`);
}
