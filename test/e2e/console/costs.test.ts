/** The costs. */
import { expect, test } from 'vitest';
import { api, open, setUpConsole } from '../../support/console/page.ts';
import { busy } from '../../support/console/world.ts';

setUpConsole();

test('the costs are a chart against the budget and a table', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/costs');
  await page.locator('.chart rect').first().waitFor();
  expect(await page.locator('.chart > svg .pace').count()).toBe(1);
  expect(await page.locator('.chart > svg').getAttribute('aria-label')).toContain('Spend by day and model; highest on');
  await page.getByText('Show as a table').click();
  expect(await page.locator('.numbers tbody tr').count()).toBe(new Date().getUTCDate());
  expect(await page.locator('.shares').first().innerText()).toContain('claude-sonnet-5-5');
});
