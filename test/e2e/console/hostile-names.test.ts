/** Names that contain markup, or thousands of characters. */
import { expect, test } from 'vitest';
import { api, open, setUpConsole, text } from '../../support/console/page.ts';
import { busy, MARKUP } from '../../support/console/world.ts';

setUpConsole();

test('markup and long names are shown as text on every page', async () => {
  const { url } = await api(busy());
  const page = await open(url);
  for (const hash of [
    '#/',
    '#/investigations',
    `#/investigations/${encodeURIComponent('w/3 %')}`,
    '#/investigations/w-5',
    '#/costs',
  ]) {
    await page.goto(`${url}/${hash}`);
    await page.locator('.panel').nth(1).waitFor();
    expect(await page.locator('main img, main script, main i:has-text("é")').count()).toBe(0);
    expect(await page.title()).toContain('Kora Wake');
  }
  await page.goto(`${url}/#/investigations/${encodeURIComponent('w/3 %')}`);
  await page.getByRole('heading', { name: MARKUP }).waitFor();
  expect(await text(page, 'pre[aria-label=Detail]')).toContain(MARKUP);
});
