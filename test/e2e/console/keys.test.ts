/** Keys, the tab of the browser, and the time zone. */
import { expect, test } from 'vitest';
import { api, open, PHONE, setUpConsole, text } from '../../support/console/page.ts';
import { busy, quiet } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

const focused = 'document.activeElement?.id || document.activeElement?.innerText';

test('keys move through a list, search, and list themselves', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations');
  await page.locator('.wake').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const second = await page.locator('.wake .subject').nth(1).innerText();
  expect(await page.evaluate(focused)).toBe(second);
  await page.keyboard.press('k');
  expect(await page.evaluate(focused)).toBe(await page.locator('.wake .subject').first().innerText());
  await page.keyboard.press('/');
  expect(await page.evaluate(focused)).toBe('filter-q');
  await page.keyboard.type('j/?');
  expect(await page.getByLabel('Search').inputValue()).toBe('j/?');
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Search').blur();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.getByRole('button', { name: 'Switch keys off' }).click();
  await page.keyboard.press('Escape');
  await page.locator('main').focus();
  await page.keyboard.press('/');
  expect(await page.evaluate(focused)).not.toBe('filter-q');
  await page.keyboard.press('?');
  expect(await page.getByRole('dialog', { name: 'Keys' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Keys', exact: true }).click();
  await page.getByRole('button', { name: 'Switch keys on' }).click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
});

test('the button of the keys is large enough for a finger', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/', { viewport: PHONE });
  const { width = 0, height = 0 } = (await page.getByRole('button', { name: 'Keys', exact: true }).boundingBox()) ?? {};
  expect(Math.min(width, height)).toBeGreaterThanOrEqual(44);
});

test('keys search and move on the page of noise too', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/noise');
  await page.locator('.pairs .try').first().waitFor();
  await page.keyboard.press('/');
  expect(await page.evaluate(focused)).toBe('noise-name');
  await page.getByLabel('Name').blur();
  await page.keyboard.press('j');
  expect(await page.evaluate(focused)).toMatch(/^fly\s*service_unhealthy$/);
  await page.keyboard.press('j');
  expect(await page.evaluate(focused)).toMatch(/^postgres/);
});

test('the tab shows the number of problems on every page, and nothing if there is none', async () => {
  const world = quiet();
  const { url } = await api(world);
  const page = await open(url, '#/costs');
  await eventually(async () => (await page.title()) === 'Costs · Kora Wake');
  const icon = () => page.locator('link[rel="icon"]').getAttribute('href');
  expect(await icon()).not.toContain('problem');
  for (const queue of world.queues.queues) queue.isPaused = queue.name === 'wakes';
  await page.reload();
  await eventually(async () => (await page.title()) === '(1) Costs · Kora Wake');
  expect(await icon()).toContain('problem');
});

test('times are shown in UTC after a click, and stay so', async () => {
  const year = new Date().getFullYear();
  const world = busy();
  const [first] = world.investigations.entries;
  if (first) first.enqueuedAt = `${year}-01-05T23:30:00.000Z`;
  const { url } = await api(world);
  const page = await open(url, '#/investigations/w-0');
  await page.locator('.heading time').waitFor();
  expect(await text(page, '.heading time')).toContain('6 Jan, 00:30');
  await page.getByRole('button', { name: 'Local time' }).click();
  expect(await text(page, '.heading time')).toContain('5 Jan, 23:30');
  await page.reload();
  await page.getByRole('button', { name: 'UTC' }).waitFor();
  expect(await text(page, '.heading time')).toContain('5 Jan, 23:30');
});

test('a time of another year has its year', async () => {
  const world = busy();
  const [first] = world.investigations.entries;
  if (first) first.enqueuedAt = '2020-01-05T23:30:00.000Z';
  const { url } = await api(world);
  const page = await open(url, '#/investigations/w-0');
  await page.locator('.heading time').waitFor();
  expect(await text(page, '.heading time')).toContain('6 Jan 2020, 00:30');
});
