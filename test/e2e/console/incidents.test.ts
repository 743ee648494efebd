/** The list of incidents, and actions on many things at once. */
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, LAPTOP, open, reloadWithClock, setUpConsole } from '../../support/console/page.ts';
import { busy, letter, openWindow, quiet, wake } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('incidents are found by state, name and severity; the address keeps them', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/incidents');
  const rows = page.locator('.open-incidents li');
  await eventually(async () => (await rows.count()) === 3);
  await page.getByLabel('Name').fill('HOST-7');
  await eventually(async () => (await rows.count()) === 1);
  await page.reload();
  await eventually(async () => (await rows.count()) === 1);
  expect(await page.getByLabel('Name').inputValue()).toBe('HOST-7');
  await page.getByLabel('Name').fill('');
  await page.getByRole('button', { name: 'Closed' }).click();
  await page.getByRole('heading', { name: 'Closed incidents' }).waitFor();
  await eventually(async () => (await rows.count()) > 0);
  expect(await rows.getByRole('button').count()).toBe(0);
  await page.getByLabel('Severity').selectOption('info');
  await page.getByText('No incident matches.').waitFor();
  await page.goBack();
  await eventually(async () => (await rows.count()) > 0);
});

test('200 open incidents are listed, and each can be acknowledged in its place', async () => {
  const world = busy();
  const [first] = world.incidents;
  if (!first) throw new Error('the world has no incident');
  world.incidents = Array.from({ length: 200 }, (_, i) => ({ ...first, id: `i-${i}`, probe: `host-${i}` }));
  const { url, changes } = await api(world);
  const page = await open(url, '#/incidents');
  const rows = page.locator('.open-incidents li');
  await eventually(async () => (await rows.count()) === 100);
  await page.getByRole('button', { name: 'Show older incidents' }).click();
  await eventually(async () => (await rows.count()) === 200);
  await page.getByRole('button', { name: 'Acknowledge: host-150 / service_unhealthy' }).click();
  await page.getByText('host-150 / service_unhealthy: acknowledged.').waitFor();
  expect(changes.map(({ path }) => path)).toEqual(['/v1/incidents/i-150/acknowledge']);
  // It is on the second page.
  await rows.filter({ hasText: 'host-150' }).getByText('acknowledged').waitFor();
});

test('an empty list of incidents says which incidents there are not, and a failed one says nothing about them', async () => {
  const { url, state } = await api(quiet());
  const page = await open(url, '#/incidents?state=closed', {}, [FAILED_LOAD]);
  await page.getByText('No incident ended in the last 35 days.').waitFor();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.getByText('No incidents in the last 35 days.').waitFor();
  state.override = (path) => (path === '/v1/incidents' ? { status: 500, body: { message: 'No.' } } : undefined);
  await page.reload();
  await page.getByText('Could not load: 500: No.').waitFor();
  expect(await page.getByText('0 incidents').count()).toBe(0);
});

test('a state in the address that does not exist shows the open incidents', async () => {
  const { url, requests } = await api(busy());
  const page = await open(url, '#/incidents?state=constructor');
  await page.getByRole('heading', { name: 'Open incidents' }).waitFor();
  await page.locator('.open-incidents li').first().waitFor();
  expect(requests.map(({ path }) => path)).toContain('/v1/incidents?state=open&limit=100');
  expect(await page.getByRole('button', { name: 'Open', exact: true }).getAttribute('aria-pressed')).toBe('true');
});

test('a search that the API ends early goes on from its cursor', async () => {
  const { url, requests } = await api(busy());
  const page = await open(url, '#/incidents');
  await page.locator('.open-incidents li').first().waitFor();
  await page.route('**/v1/incidents?*', async (route) => {
    const { searchParams } = new URL(route.request().url());
    const isFirst = searchParams.has('q') && !searchParams.has('cursor');
    await (isFirst ? route.fulfill({ json: { entries: [], nextCursor: '0' } }) : route.continue());
  });
  await page.getByLabel('Name').fill('host-7');
  await page.getByText('No match among the newest incidents.').waitFor();
  await page.getByRole('button', { name: 'Search older incidents' }).click();
  await page.locator('.open-incidents li').filter({ hasText: 'host-7' }).waitFor();
  expect(requests.map(({ path }) => path)).toContain('/v1/incidents?state=open&q=host-7&limit=500&cursor=0');
});

test('a name is searched when it is typed, not at each key', async () => {
  const { url, requests } = await api(busy());
  const page = await open(url, '#/incidents');
  await reloadWithClock(page);
  await page.locator('.open-incidents li').first().waitFor();
  // No time passes between the keys, however slow the machine is.
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.getByLabel('Name').pressSequentially('host-7');
  await page.clock.resume();
  await eventually(async () => (await page.locator('.open-incidents li').count()) === 1);
  const searches = requests.filter(({ path }) => path.startsWith('/v1/incidents?') && path.includes('q='));
  expect(new Set(searches.map(({ path }) => path)).size).toBe(1);
});

test('1,000 alerts are listed and stay usable', { timeout: 600_000 }, async () => {
  const world = busy();
  world.investigations.entries = Array.from({ length: 1_000 }, (_, i) =>
    wake({ wakeId: `w-${i}`, enqueuedAt: new Date(Date.now() - i * 60_000).toISOString() }),
  );
  const { url } = await api(world);
  const page = await open(url, '#/investigations');
  const rows = page.locator('.wakes .wake');
  await rows.first().waitFor();
  while ((await rows.count()) < 1_000) {
    const before = await rows.count();
    await page.getByRole('button', { name: 'Show older alerts' }).click();
    await eventually(async () => (await rows.count()) > before);
  }
  await page.keyboard.press('End');
  await rows.last().getByRole('link').click();
  await page.locator('.slack').waitFor();
  await page.goBack();
  await eventually(async () => {
    const y = (await rows.last().boundingBox())?.y ?? LAPTOP.height;
    return y < LAPTOP.height;
  });
});

test('failed deliveries with one reason are retried together, and a retry tells its end', async () => {
  const world = busy();
  world.deadLetters.entries = [
    letter({ jobId: 'a', reason: 'channel_not_found' }),
    letter({ jobId: 'b', reason: 'channel_not_found' }),
    letter({ jobId: 'c', wakeId: 'w-0', probe: 'other', reason: 'operator_unset' }),
  ];
  const { url, changes, state } = await api(world);
  const page = await open(url);
  expect(await page.getByRole('button', { name: /^Retry all \d+ with operator_unset/ }).count()).toBe(0);
  await page.getByRole('button', { name: 'Retry all 2 with channel_not_found' }).click();
  await page.getByText('Retrying 2 deliveries with channel_not_found.').waitFor();
  expect(changes.at(-1)).toMatchObject({ path: '/v1/dead-letters/retry', body: '{"because":"channel_not_found"}' });
  await page.getByRole('button', { name: 'Retry: other' }).click();
  await page.getByText('Retrying other / webhook_backlog…').waitFor();
  const [retried] = state.world.investigations.entries;
  if (retried) Object.assign(retried, { state: 'ended', outcome: 'diagnosis' });
  await page.getByText('other / webhook_backlog: sent.').waitFor();
});

test('all windows of one probe are ended together', async () => {
  const world = busy();
  world.windows.entries.push(openWindow({ category: 'cpu' }), openWindow({ category: 'disk' }));
  const { url, changes } = await api(world);
  const page = await open(url);
  await page.getByRole('button', { name: 'End all of fly: fly' }).click();
  await page.getByRole('button', { name: 'End all', exact: true }).click();
  await page.getByText('3 windows of fly ended.').waitFor();
  expect(changes.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /v1/debounce?probe=fly']);
});

test('a span of time says what was suppressed, muted and only counted then', async () => {
  const { url } = await api(busy());
  const from = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3 * 3_600_000 + 600_000);
  const to = new Date(from.getTime() + 1_200_000);
  const page = await open(url, `#/investigations?from=${from.toISOString()}&to=${to.toISOString()}`);
  const text = 'In this hour of all probes: 7 suppressed, 2 muted by the policy, 1 counted only';
  await page.getByText(text).waitFor();
  const repeats = page.getByText('An alert of the day before is listed if a repeat of it was suppressed since.');
  await repeats.waitFor();
  await page.goto(`${url}/#/investigations?to=${to.toISOString()}`);
  await page.locator('.filters .span').getByText(/^to/).waitFor();
  await repeats.waitFor({ state: 'detached' });
});
