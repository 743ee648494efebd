/** The costs. */
import { expect, test } from 'vitest';
import { barriers } from '../../support/browser.ts';
import { api, FAILED_LOAD, OVERFLOW, open, PHONE, setUpConsole } from '../../support/console/page.ts';
import { busy, MARKUP } from '../../support/console/world.ts';

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

test('the spend can be corrected to the actual one, with a reason, and the correction is shown', async () => {
  const world = busy();
  Object.assign(world.costs, { spentMonthUsd: 50, budgetUsd: 64 });
  const { url, changes, state } = await api(world);
  const page = await open(url, '#/costs', {}, [FAILED_LOAD]);
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'Corrections' }) });
  await panel.getByText('No corrections this month.').waitFor();
  await panel.getByRole('button', { name: 'Correct the spend…' }).click();
  await page.keyboard.press('Escape');
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Correct the spend…');
  await page.keyboard.press('Enter');
  const submit = panel.getByRole('button', { name: 'Correct', exact: true });
  expect(await submit.isDisabled()).toBe(true);
  await page.keyboard.type('41.2');
  expect(await panel.innerText()).toContain('$50 are recorded: −$8.80.');
  await submit.click();
  expect(changes).toEqual([]);
  await panel.getByLabel('Reason').fill(` ${MARKUP} `);
  // The first attempt may have been applied. A call that is charged meanwhile must not change the amount.
  state.override = (_, method) => (method === 'POST' ? { status: 504, body: { message: 'Too late.' } } : undefined);
  world.costs.spentMonthUsd = 51;
  await page.keyboard.press('Enter');
  await panel.getByText('was not corrected: 504: Too late.').waitFor();
  await page.locator('.spent').filter({ hasText: '$51' }).waitFor();
  state.override = () => undefined;
  await submit.click();
  await panel.getByText('was corrected by −$8.80 to $42.20.').waitFor();
  expect(await panel.getByRole('listitem').innerText()).toContain(
    `−$8.80 to $42.20 by jo, just now: ${MARKUP}`.slice(0, 60),
  );
  expect(await page.locator('.spent').innerText()).toContain('$42.20');
  const { month } = world.costs;
  const body = JSON.stringify({ month, usd: -8.8, reason: MARKUP });
  const key = expect.stringMatching(/^[0-9a-f]{32}$/);
  const change = { method: 'POST', path: '/v1/costs/corrections', body, key };
  expect([changes, changes[0]?.key]).toEqual([[change, change], changes[1]?.key]);
});

test('on a phone the form of a correction has no barrier and fits', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/costs', { viewport: PHONE });
  await page.getByRole('button', { name: 'Correct the spend…' }).click();
  await page.getByLabel('Actual spend').fill('1000000');
  expect([await barriers(page), await page.evaluate(OVERFLOW)]).toEqual([[], 0]);
});

test('a token that may only read sees the corrections, but not the form', async () => {
  const world = busy();
  world.me.may = 'look';
  world.costs.corrections = [
    { id: '1', at: new Date().toISOString(), usd: 3, spentUsd: 53, by: 'jo', reason: 'invoice' },
  ];
  const details = { month: '2026-11', usd: -8.8, spent_usd: 42.2, correction_id: '1' };
  world.operations = [{ at: new Date().toISOString(), what: 'ledger_corrected', by: 'jo', reason: 'invoice', details }];
  const { url } = await api(world);
  const page = await open(url, '#/costs');
  await page.getByText('read-only').waitFor();
  await page.getByText('+$3').waitFor();
  expect(await page.getByRole('button', { name: 'Correct' }).count()).toBe(0);
  await page.goto(`${url}/#/`);
  await page.getByText('jo corrected the AI costs of 2026-11 by −$8.80').waitFor();
});
