/** The operator's work in the console: real apps, real Redis, a real browser. */
import type { Page, Request } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { launchBrowser, watchedPage } from '../support/browser.ts';
import { environment, startAllApps } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';

test('a new wake appears without reload; a click ends its window in Redis and is recorded with the name of the operator', async ({
  ns,
  logPath,
}) => {
  const { url } = await startAllApps(environment(ns, logPath));
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const { page, complaints, foreign } = await watchedPage(browser, url, { viewport: { width: 1366, height: 768 } });
  await page.goto(`${url}/`);
  await page.locator('.empty').filter({ hasText: 'No alerts yet' }).waitFor();
  const probe = 'a/b:c %25 <i>';
  append(logPath, wakeRow({ probe, category: 'deploy', title: '<b>down</b>' }));
  await page.getByText('<b>down</b>').waitFor();
  for (let click = 0; click < 2; click++) await page.getByRole('button', { name: 'End now' }).click();
  await page.locator('[role=status]').filter({ hasText: 'Suppression of' }).waitFor();
  await eventually(async () => (await ns.redis.zcard(ns.keys.windowNames)) === 0);
  expect(await ns.redis.keys(`${ns.keys.dedup('')}*`)).toEqual([]);
  const done: unknown = await (await fetch(`${url}/v1/operations`)).json();
  expect(done).toMatchObject({
    entries: [{ what: 'window_cleared', by: 'local', details: { probe, category: 'deploy' } }],
  });
  expect([complaints, foreign]).toEqual([[], []]);
});

test('a console without changes transfers no data again', async ({ ns, logPath }) => {
  const { url } = await startAllApps(environment(ns, logPath));
  append(logPath, wakeRow({ title: 'it is down' }));
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const { page, complaints } = await watchedPage(browser, url, {});
  const statuses = new Map<string, number>();
  page.on('response', (response) => statuses.set(new URL(response.url()).pathname, response.status()));
  await page.clock.install();
  await page.goto(`${url}/`);
  await page.getByText('it is down').first().waitFor();
  await eventually(async () => {
    // The next turn waits for these answers: a machine under load needs longer than a poll interval of this clock.
    const answered = page.waitForResponse((response) => response.url().endsWith('/v1/dead-letters'));
    await page.clock.runFor(31_000);
    await answered;
    return ['/v1/investigations', '/v1/operations', '/v1/dead-letters', '/v1/me'].every(
      (path) => statuses.get(path) === 304,
    );
  });
  expect(await page.getByText('it is down').count()).toBeGreaterThan(0);
  expect(await bytesOfAnHour(page)).toBeLessThan(1024 * 1024);
  expect(complaints).toEqual([]);
});

const POLLS = 10;

/** Bytes in an hour that an idle page sends and receives with headers, estimated from ten polls. */
async function bytesOfAnHour(page: Page): Promise<number> {
  const sizes: Promise<number>[] = [];
  const sizeOf = async (request: Request) =>
    Object.values(await request.sizes()).reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
  page.on('requestfinished', (request) => sizes.push(sizeOf(request)));
  for (let i = 0; i < POLLS; i++) {
    const answered = page.waitForResponse((response) => response.url().endsWith('/v1/dead-letters'));
    await page.clock.runFor(31_000);
    await answered;
  }
  await page.waitForLoadState('networkidle');
  const all = await Promise.all(sizes);
  return (all.reduce((sum, bytes) => sum + bytes, 0) / (POLLS * 31)) * 3_600;
}
