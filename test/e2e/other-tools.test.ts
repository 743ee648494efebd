/** Bull Board and the page of the API lead back to the console. */
import type { Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { launchBrowser, watchedPage } from '../support/browser.ts';
import { environment, startAllApps } from '../support/doubles.ts';
import { eventually, test } from '../support/fixtures.ts';

test.for(['', '/kora'])(
  'Bull Board and the page of the API lead back to the console under "%s"',
  async (base, { ns, logPath }) => {
    const more: Record<string, string> = base === '' ? {} : { KORA_API_BASE_PATH: base };
    const { url } = await startAllApps(environment(ns, logPath, more));
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const { page } = await watchedPage(browser, url, {});
    /** Clicks a link, which may open a tab of its own. */
    const goBack = async () => {
      await page.getByText('Back to the console').click();
      const isConsole = (each: Page) => new URL(each.url()).pathname === `${base}/`;
      await eventually(() => page.context().pages().some(isConsole));
      for (const other of page.context().pages()) if (other !== page) await other.close();
    };
    await page.goto(`${url}/admin/queues`);
    await page.locator('button:has(.lucide-circle-user)').click();
    await goBack();
    await page.goto(`${url}/docs`);
    await goBack();
  },
);
