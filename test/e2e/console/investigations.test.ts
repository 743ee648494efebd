/** The list of investigations, and one investigation. */
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, open, setUpConsole, text } from '../../support/console/page.ts';
import { busy, LONG, NASTY } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('the timeline has a lane for each probe, and the list has pages', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations');
  await page.locator('.wakemark').first().waitFor();
  expect(await page.locator('.lanename').allInnerTexts()).toEqual(['postgres', 'fly', 'vercel', NASTY, 'stripe', LONG]);
  const outcomes = await page
    .locator('.wakemark .mark')
    .evaluateAll((marks) => marks.map((mark) => mark.getAttribute('class')));
  expect(new Set(outcomes)).toEqual(
    new Set(['mark sent', 'mark fallback', 'mark unchanged', 'mark not_sent', 'mark dry_run', 'mark in_progress']),
  );
  const shapes = await page.locator('.legend .mark').evaluateAll((marks) => marks.map((mark) => mark.innerHTML));
  expect(new Set(shapes).size).toBe(9);
  expect(
    await page.locator('.lane').filter({ hasText: 'stripe' }).locator('.repeat-count').first().innerText(),
  ).toMatch(/^\+\d+$/);
  expect(await page.locator('.wakes .wake').count()).toBe(20);
  await page.getByRole('button', { name: 'Show older alerts' }).click();
  await page.locator('.wakes .wake').nth(29).waitFor();
  expect(await page.getByRole('button', { name: 'Show older alerts' }).count()).toBe(0);
});

test('a probe and a period limit the list', async () => {
  const { url, requests } = await api(busy());
  const page = await open(url, '#/investigations');
  await page.getByRole('button', { name: NASTY }).click();
  // The list is empty for a moment, while the new one loads.
  await eventually(async () => (await page.locator('.wakes .wake').count()) === 1);
  await page.getByRole('button', { name: '7 days' }).click();
  await eventually(async () => requests.some(({ path }) => path.includes('window=7d')));
  expect(requests.at(-1)?.path).toBe(`/v1/investigations?window=7d&limit=100&probe=${encodeURIComponent(NASTY)}`);
  await page.getByLabel('Probe', { exact: true }).fill('nobody');
  await page.keyboard.press('Enter');
  await page.getByText('No alerts from nobody in this period.').waitFor();
  await page.getByRole('button', { name: 'All probes' }).click();
  await page.locator('.wakemark').first().waitFor();
});

test('the arrow keys move from alert to alert', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations');
  await page.locator('.wakemark[tabindex="0"]').focus();
  expect(await page.locator('.wakemark[tabindex="0"]').count()).toBe(1);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  expect(await page.evaluate('document.activeElement?.getAttribute("data-wake")')).toBe('w-2');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Deployment of web failed twice' }).waitFor();
});

test('an investigation shows diagnosis, evidence, steps, alert data, cost and Slack message', async () => {
  const { url } = await api(busy());
  const page = await open(url);
  await page.locator('.wake').nth(1).getByRole('link').click();
  await page.getByRole('heading', { name: 'Fly app(s) unreachable: HTTP 401' }).waitFor();
  expect(await text(page, '.verdict')).toBe('Confirmed');
  expect(await text(page, '.summary')).toContain('its token expired');
  expect(await page.locator('.step-list details').count()).toBe(7);
  expect(await page.locator('.evidence li').allInnerTexts()).toEqual([
    'unauthenticated: token expired at 2026-11-22T23:59:59Z\ncall-1, http_check',
    'Fly app(s) unreachable: HTTP 401\nalert data',
  ]);
  expect(await text(page, '.slack .text')).toMatch(/^🚨 Probe alert · fly\nThe Fly API/);
  expect(await page.locator('.side-column .facts data').first().getAttribute('title')).toBe('$0.004913');
  expect(await text(page, '.side-column .facts')).toContain('$0.0049');
  await page.goBack();
  await page.getByRole('heading', { name: 'Suppression windows' }).waitFor();
});

test('the durations of steps are shown if their texts were not kept, and the page says why', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-older-0');
  await page.getByText('Inputs and outputs are not kept').waitFor();
  expect(await page.locator('.steps tbody tr').allInnerTexts()).toHaveLength(7);
  expect(await text(page, '.steps tr:has-text("grafana")')).toContain('failed, TimeoutError');
  expect(await text(page, '.steps tr:has-text("http_check")')).toContain('412 ms');
  expect(await text(page, '.steps tr:has-text("HTTP 429")')).toContain('HTTP 429: slow down');
  expect(await page.getByText('Replay').count()).toBe(0);
  expect(await page.locator('.evidence button').count()).toBe(0);
});

test('an alert with an earlier diagnosis says so, and links to the alert that was investigated', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-unchanged');
  await page.getByText('Sent with earlier diagnosis').waitFor();
  expect(await text(page, '.repeats')).toContain('Not investigated: nothing has changed since');
  expect(await page.locator('.repeats a').getAttribute('href')).toBe('#/investigations/w-older-2');
});

test('an alert that no longer exists is not found', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations/w-gone', {}, [FAILED_LOAD]);
  await page.getByRole('heading', { name: 'Alert not found' }).waitFor();
});
