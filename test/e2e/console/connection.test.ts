/** Empty answers, missing answers and wrong answers. */
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, open, passTime, reloadWithClock, setUpConsole, text } from '../../support/console/page.ts';
import { busy, quiet, wake } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('each page explains an empty answer', async () => {
  const { url } = await api(quiet());
  const page = await open(url);
  await page.getByRole('heading', { name: 'All clear' }).waitFor();
  await page.getByText('No alerts yet.').waitFor();
  await page.getByText('Nothing is suppressed. The next alert of any probe is investigated and sent.').waitFor();
  await page.goto(`${url}/#/investigations`);
  await page.getByText('No alerts in the last 24 hours').waitFor();
  await page.goto(`${url}/#/costs`);
  await page.getByText('No costs yet.').waitFor();
  await page.goto(`${url}/#/nowhere`);
  await page.getByRole('heading', { name: 'Page not found' }).waitFor();
});

test('a page without an answer is loading', async () => {
  const { url, state } = await api(busy());
  state.override = () => 'hang';
  const page = await open(url);
  await page.locator('.panel[aria-busy=true] .skeleton').first().waitFor();
  expect(await text(page, 'h1')).toBe('Loading…');
});

test.each([401, 429])('a rejected token is explained and not sent again: %i', async (status) => {
  const { url, state, requests } = await api(busy());
  state.override = () => ({
    status,
    body: { statusCode: status, error: 'Unauthorized', message: 'Give the token.' },
  });
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await reloadWithClock(page);
  await page.getByRole('heading', { name: 'Sign-in needed' }).waitFor();
  expect(await text(page, '.page-message')).toContain('the token as the password');
  await page.waitForLoadState('networkidle');
  const asked = requests.length;
  await passTime(page);
  expect(requests.length).toBe(asked);
  state.override = () => undefined;
  await page.getByRole('button', { name: 'Reload' }).click();
  await page.getByRole('heading', { name: '1 alert in progress' }).waitFor();
});

test('an API that does not answer is named, and the page appears by itself when it does', async () => {
  const { url, state } = await api(busy());
  state.override = () => 'reset';
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.getByRole('heading', { name: 'The API does not answer' }).waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  state.override = () => undefined;
  await page.getByRole('heading', { name: '1 alert in progress' }).waitFor();
  await page.getByText('The API does not answer').waitFor({ state: 'detached' });
});

test('a refused stream of events is opened again', async () => {
  const { url, state, streamCount } = await api(busy());
  state.streams = false;
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.locator('.wake').first().waitFor();
  expect(streamCount()).toBe(0);
  state.streams = true;
  await eventually(() => streamCount() === 1);
});

test('the last good data stays with its age while the API does not answer', async () => {
  const { url, state } = await api(busy());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.locator('.wake').first().waitFor();
  state.override = () => 'reset';
  await page.getByText('The API does not answer').waitFor();
  expect(await page.locator('.wake').count()).toBe(5);
  expect(await text(page, '.banner')).toMatch(/Showing data from \d+ s ago\./);
  await page.locator('.stale').first().waitFor({ timeout: 12_000 });
  expect(await text(page, '.freshness')).toMatch(/\d+ s old/);
  state.override = () => undefined;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.freshness.live').waitFor();
  await page.locator('.banner').waitFor({ state: 'detached' });
});

test('a request that fails is named, and the other panels still update', async () => {
  const { url, state } = await api(busy());
  state.override = (path) =>
    path === '/v1/costs' ? { status: 500, body: { message: 'Something went wrong.' } } : undefined;
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.getByText('/v1/costs: 500: Something went wrong.').waitFor();
  expect(await page.locator('.wake').count()).toBe(5);
  await page.getByText('Could not load: 500').waitFor();
});

test('Redis that is down is named, and the data stays with its age', async () => {
  const { url, state } = await api(busy());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.locator('.wake').first().waitFor();
  const message = 'Redis does not answer; try again.';
  state.override = () => ({ status: 503, body: { statusCode: 503, error: 'Service Unavailable', message } });
  await page.locator('.banner').waitFor();
  expect(await text(page, '.banner')).toMatch(/^Redis is down\.\s+Showing data from \d+ s ago\./);
  expect(await page.locator('.wake').count()).toBe(5);
});

test('an answer that does not match the contract breaks one panel, not the page', async () => {
  const { url, state } = await api(busy());
  state.override = (path) => (path === '/v1/queues' ? { status: 200, body: { queues: [null] } } : undefined);
  const page = await open(url);
  await page.getByText('Could not load: unexpected answer (at queues.0)').waitFor();
  expect(await text(page, 'h1')).toBe('1 alert in progress');
  await page.locator('.wake').first().waitFor();
});

test('an answer that cannot be drawn breaks one page, not the console', async () => {
  const world = busy();
  // Half a character: the contract allows it as text, but it cannot be part of an address.
  world.windows.entries[0]!.wakeId = '\ud800';
  const { url } = await api(world);
  const page = await open(url, '#/', {}, [/URI/]);
  await page.getByRole('heading', { name: 'This page cannot be shown' }).waitFor();
  await page.getByRole('link', { name: 'Costs', exact: true }).click();
  await page.locator('.chart rect').first().waitFor();
});

test('All clear needs current data about every part', async () => {
  const { url, state } = await api(quiet());
  state.override = (path) => (path === '/v1/tailer' ? { status: 500, body: { message: 'Broken.' } } : undefined);
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.getByRole('heading', { name: 'State unknown' }).waitFor();
  state.override = () => undefined;
  await page.getByRole('heading', { name: 'All clear' }).waitFor();
});

test('All clear needs Slack and the AI to be configured, as far as the last alert shows', async () => {
  const world = quiet();
  world.investigations.entries = [
    wake({ outcome: 'dry_run', code: 'engine_unavailable', summary: null, verdict: null }),
  ];
  const { url } = await api(world);
  const page = await open(url);
  await page.getByRole('heading', { name: 'Needs attention' }).waitFor();
  expect(await page.locator('.attention li').allInnerTexts()).toEqual([
    'Slack is not configured: alerts are only logged',
    'The AI is not configured: alerts are sent without diagnosis',
  ]);
});
