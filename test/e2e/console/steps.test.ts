/** The steps of an investigation: inputs and outputs, the quotes in them, copies, and the commands of a replay. */
import { expect, test } from 'vitest';
import { api, open, setUpConsole, text } from '../../support/console/page.ts';
import { busy } from '../../support/console/world.ts';

setUpConsole();

test('the steps are in order, and each opens to its input and output', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-1');
  await page.locator('.step-list').waitFor();
  const names = await page.locator('.step-list .step-name').allInnerTexts();
  expect(names.map((name) => name.split(' ')[0])).toEqual([
    'claude-sonnet-5-5',
    'http_check',
    'past_investigations',
    'grafana__query_logs',
    'a/b:c%20d',
    'claude-sonnet-5-5',
    'claude-sonnet-5-5',
  ]);
  expect(await text(page, 'summary:has-text("http_check")')).toContain('412 ms');
  expect(await text(page, 'summary:has-text("grafana")')).toContain('failed, TimeoutError');
  expect(await text(page, 'summary:has-text("HTTP 429")')).toContain('HTTP 429: slow down');
  expect(await text(page, 'summary:has-text("first step")')).toContain('4,210 in, 391 out');
  expect(await text(page, '.step-list .omitted')).toContain('2 steps left out here');
  const input = page.getByLabel('Input of step 2, http_check');
  expect(await input.isVisible()).toBe(false);
  await page.locator('summary', { hasText: 'http_check' }).click();
  expect(await input.innerText()).toBe('{"url":"https://api.machines.dev/v1/apps"}');
  // The page is read again and again, and the step stays open.
  await page.locator('summary', { hasText: 'past_investigations' }).click();
  expect(await input.isVisible()).toBe(true);
  expect(await text(page, '[aria-label="Output of step 3, past_investigations"]')).toContain('<img src=x');
  expect(await page.locator('main img').count()).toBe(0);
});

test('a quote opens its step and is marked there, even if its white space differs', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-1');
  await page.getByRole('button', { name: 'call-1, http_check' }).click();
  const mark = page.locator('[aria-label="Output of step 2, http_check"] mark');
  expect(await mark.innerText()).toBe('unauthenticated:\n token expired at 2026-11-22T23:59:59Z');
  expect(await page.evaluate(`document.activeElement.getAttribute('aria-label')`)).toBe('Output of step 2, http_check');
  const seen: boolean = await page.evaluate(`(() => {
    const mark = document.querySelector('mark');
    const { left, top } = mark.getBoundingClientRect();
    return document.elementFromPoint(left + 5, top + 5) === mark;
  })()`);
  expect(seen).toBe(true);
  await page.getByRole('button', { name: 'alert data' }).click();
  expect(await page.locator('mark').allInnerTexts()).toEqual(['Fly app(s) unreachable: HTTP 401']);
  expect(await text(page, '[aria-label="Input of step 1, claude-sonnet-5-5"] mark')).toContain('Fly app(s)');
  expect(page.url()).toBe(`${url}/#/investigations/w-1`);
});

test('the investigation is copied as JSON, and a replay as its command', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-1', { permissions: ['clipboard-read', 'clipboard-write'] });
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByText('Copied').waitFor();
  const copied = JSON.parse(await clipboard());
  expect([copied.wakeId, copied.steps.length, copied.steps[1].source]).toEqual(['w-1', 8, 'call-1']);
  await page.locator('summary', { hasText: 'first step' }).click();
  await page.locator('details .replay').first().getByRole('button', { name: 'Copy command' }).click();
  await page.getByText('Copied').nth(1).waitFor();
  expect(await clipboard()).toBe('npm run replay -- --wake w-1 --from 1');
});

test('a replay is offered only of steps that can run again', async () => {
  const world = busy();
  const { url } = await api(world);
  const page = await open(url, '#/investigations/w-1');
  await page.locator('.step-list').waitFor();
  // Steps are left out after step 5.
  expect(await page.locator('.replay code').allTextContents()).toEqual(['npm run replay -- --wake w-1 --from 1']);
  await page.goto(`${url}/#/investigations/${encodeURIComponent('w/3 %')}`);
  await page.getByText("npm run replay -- --wake 'w/3 %'", { exact: true }).waitFor();
  expect(await page.locator('.replay').count()).toBe(4);
  // The steps of an alert in a storm are about the whole storm.
  Object.assign(world.investigations.entries[1]!, { stormId: 's-1' });
  await page.goto(`${url}/#/investigations/w-1`);
  await page.locator('.step-list').waitFor();
  await page.locator('.replay').first().waitFor({ state: 'detached' });
});

test('without a clipboard the text is shown, selected', async () => {
  const { url } = await api(busy());
  const page = await open(url, `#/investigations/${encodeURIComponent('w/3 %')}`);
  await page.evaluate(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`);
  await page.locator('.step-list + .replay').getByRole('button', { name: 'Copy command' }).click();
  const area = page.getByLabel('Text to copy');
  expect(await area.inputValue()).toBe("npm run replay -- --wake 'w/3 %'");
  expect(await page.evaluate('String(getSelection())')).toBe("npm run replay -- --wake 'w/3 %'");
  expect(await page.getByText('Copied').count()).toBe(0);
});
