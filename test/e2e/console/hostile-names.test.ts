/** Names that contain markup, or thousands of characters. */
import { expect, test } from 'vitest';
import { api, open, setUpConsole, text, windowRow } from '../../support/console/page.ts';
import { busy, MARKUP, openWindow, wake } from '../../support/console/world.ts';

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

test('control characters and marks that reverse the order of reading are visible on every page, and names stay exact', async () => {
  const hidden = '\u202e\u2066\u200b\u009b\u0007\u061c';
  const name = (text: string) => `${text}${hidden}x`;
  const world = busy();
  const names = { probe: name('probe'), category: name('category'), severity: name('severity') };
  world.windows.entries = [openWindow({ probe: names.probe, category: names.category })];
  world.investigations.entries = [
    wake({ ...names, wakeId: 'w-1', title: name('title'), summary: name('summary'), code: name('code') }),
  ];
  const [operation] = world.operations;
  world.operations = [{ ...operation!, by: name('person'), reason: name('reason') }];
  world.queues.queues[0]!.name = name('queue');
  world.tailer.sources[0]!.path = name('/log');
  const { url, changes } = await api(world);
  const page = await open(url);
  const marked = 'category\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDx';
  for (const hash of ['#/', '#/investigations', '#/investigations/w-1']) {
    await page.goto(`${url}/${hash}`);
    await page.getByText(marked).first().waitFor();
    const html = await page.locator('html').evaluate('(element) => element.outerHTML');
    expect(Array.from(hidden).filter((character) => String(html).includes(character))).toEqual([]);
  }
  await page.goto(`${url}/#/`);
  const row = windowRow(page, marked);
  for (let click = 0; click < 2; click++) await row.getByRole('button', { name: 'End now' }).click();
  await page.locator('.notice .good').waitFor();
  const [change] = changes;
  expect(new URL(change?.path ?? '', url).searchParams.get('probe')).toBe(names.probe);
});

test('a code with the name of a property of every object has no label', async () => {
  const world = busy();
  const [first] = world.operations;
  if (first) Object.assign(first, { what: 'constructor', details: {} });
  const unsent = world.investigations.entries.find(({ wakeId }) => wakeId === 'w-4');
  Object.assign(unsent!, { failure: { code: 'constructor', at: new Date().toISOString(), attempts: 1 } });
  const { url } = await api(world);
  const page = await open(url);
  await page.locator('.operations').getByText('constructor').waitFor();
  expect(await text(page, '.operations')).not.toContain('function');
  await page.goto(`${url}/#/investigations/w-4`);
  await page.getByText('the delivery failed').waitFor();
});
