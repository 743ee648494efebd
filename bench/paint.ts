/** Time until the console shows its first content, and its data, in a real browser. */
import { readAccount } from '@kora-wake/shared/store/account';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../test/support/browser.ts';
import { append, wakeRow } from '../test/support/rows.ts';
import { apiUrl } from '../test/support/spawn.ts';
import { type Bench, median, ratios, repeated } from './measure.ts';
import { stop } from './world.ts';

const WAKES = 1_000;
const PAIRS = 200;

interface Paint {
  /** First contentful paint and time until an alert is shown, ms since the start of the navigation. */
  first: number;
  data: number;
}

/** In a context of its own, so that nothing is cached. */
async function paintOf(browser: Browser, url: string, ready: string): Promise<Paint> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 780 } });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator(ready).first().waitFor();
  const data: number = await page.evaluate('performance.now()');
  const first: number = await page.evaluate(`performance.getEntriesByName('first-contentful-paint')[0].startTime`);
  await context.close();
  return { first, data };
}

export const paint: Bench = {
  id: 'P15',
  title: 'the console in a browser',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const tailer = sandbox.app('tailer', { KORA_PROBE_DEBOUNCE_SECONDS: '0' });
    await tailer.until('tailer.following');
    append(sandbox.logPath, ...Array.from({ length: WAKES }, (_, i) => wakeRow({ category: `c-${i % PAIRS}` })));
    while ((await readAccount(sandbox.redis, sandbox.keys)).enqueued < WAKES) {
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
    await stop(tailer);
    const url = await apiUrl(sandbox.app('api'));
    const browser = await launchBrowser();
    const loads = quick ? 5 : 15;
    await paintOf(browser, `${url}/`, '.wake');
    const taken = await repeated(runs, async () => {
      const [overview, list, plain]: [Paint[], Paint[], Paint[]] = [[], [], []];
      for (let i = 0; i < loads; i++) {
        overview.push(await paintOf(browser, `${url}/`, '.wake'));
        list.push(await paintOf(browser, `${url}/#/investigations?window=all`, '.bucket'));
        plain.push(await paintOf(browser, `${url}/healthz`, 'body'));
      }
      const of = (paints: Paint[], name: keyof Paint) => median(paints.map((each) => each[name]));
      return {
        first: of(overview, 'first'),
        data: of(overview, 'data'),
        listed: of(list, 'data'),
        plain: of(plain, 'first'),
      };
    });
    await browser.close();
    await sandbox.end();
    const values = (name: 'first' | 'data' | 'listed' | 'plain') => taken.map((run) => run[name]);
    return {
      figures: [
        {
          label: 'first paint of the overview against a page with one line of text',
          values: ratios(values('first'), values('plain')),
          unit: '×',
          goal: { atMost: 6 },
        },
        { label: 'first paint of the overview', values: values('first'), unit: 'ms' },
        { label: 'alerts of the overview are shown', values: values('data'), unit: 'ms' },
        { label: `${WAKES} alerts are shown as bars`, values: values('listed'), unit: 'ms' },
        { label: 'first paint of a page with one line of text', values: values('plain'), unit: 'ms' },
      ],
      notes: [
        `Each run is the median of ${loads} loads without a cache, of ${WAKES} alerts of ${PAIRS} pairs with open incidents.`,
      ],
    };
  },
};
