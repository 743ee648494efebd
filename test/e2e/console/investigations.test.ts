/** The list of investigations, and one investigation. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, LAPTOP, open, setUpConsole, text } from '../../support/console/page.ts';
import { busy, LONG, MINUTE, NASTY, wake } from '../../support/console/world.ts';
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
  await eventually(async () => (await page.locator('.wakes .wake').count()) === 1);
  await page.getByRole('button', { name: '7 days' }).click();
  const wanted = `/v1/investigations?${String(new URLSearchParams({ window: '7d', probe: NASTY }))}&limit=100`;
  await eventually(async () => requests.some(({ path }) => path === wanted));
  await page.getByLabel('Probe', { exact: true }).fill('nobody');
  await page.getByText('No alert matches these filters.').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.locator('.wakemark').first().waitFor();
});

test('a list that did not arrive is not called empty', async () => {
  const { url, state } = await api(busy());
  const answerList = (answer: ReturnType<typeof state.override>) => {
    state.override = (path) => (path === '/v1/investigations' ? answer : undefined);
  };
  answerList('hang');
  const page = await open(url, '#/investigations?window=all', {}, [FAILED_LOAD]);
  const list = page.getByRole('region', { name: 'Alerts', exact: true });
  const wrong = page.getByText(/^No alert|^0 alerts/);
  await page.locator('.bucket').first().waitFor();
  await list.getByText('Loading…').waitFor({ state: 'attached' });
  expect(await wrong.count()).toBe(0);
  answerList({ status: 500, body: { message: 'Redis has a bad day.' } });
  await page.reload();
  await list.getByText('Could not load: 500: Redis has a bad day.').waitFor();
  expect(await wrong.count()).toBe(0);
  // Few alerts have marks, which are those of the list.
  await page.goto(`${url}/#/investigations?window=7d`);
  await page.getByRole('region', { name: 'Timeline' }).getByText('Could not load: 500').waitFor();
  expect(await wrong.count()).toBe(0);
});

test('an alert that has ended leaves the list of those in progress, also from its older pages', async () => {
  const world = busy();
  world.investigations.entries = Array.from({ length: 45 }, (_, i) =>
    wake({
      wakeId: `w-${i}`,
      title: `alert ${i}`,
      enqueuedAt: new Date(Date.now() - i * MINUTE).toISOString(),
      outcome: null,
      outcomeAt: null,
    }),
  );
  const { url, emit, streamCount } = await api(world);
  const page = await open(url, '#/investigations?outcome=pending');
  const rows = page.locator('.wakes .wake');
  for (const loaded of [20, 40]) {
    await eventually(async () => (await rows.count()) === loaded);
    await page.getByRole('button', { name: 'Show older alerts' }).click();
  }
  await eventually(async () => (await rows.count()) === 45);
  await eventually(() => streamCount() === 1);
  for (const ended of [3, 25, 44]) Object.assign(world.investigations.entries[ended]!, { outcome: 'diagnosis' });
  emit('window.opened', { probe: 'fly', category: 'service_unhealthy' });
  await eventually(async () => (await rows.count()) === 42);
  const titles = await rows.locator('.title').allInnerTexts();
  expect(titles.filter((title) => ['alert 3', 'alert 25', 'alert 44'].includes(title))).toEqual([]);
});

test('alerts that came while another page was open are not missing between the pages of the list', async () => {
  const world = busy();
  const alert = (name: string, minutes: number) =>
    wake({ wakeId: name, title: name, enqueuedAt: new Date(Date.now() - minutes * MINUTE).toISOString() });
  const old = Array.from({ length: 45 }, (_, i) => alert(`old-${i}`, 60 + i));
  const recent = Array.from({ length: 25 }, (_, i) => alert(`new-${i}`, i));
  world.investigations.entries = old;
  const { url } = await api(world);
  const page = await open(url, '#/investigations');
  const rows = page.locator('.wakes .wake');
  await eventually(async () => (await rows.count()) === 20);
  await page.getByRole('button', { name: 'Show older alerts' }).click();
  await eventually(async () => (await rows.count()) === 40);
  await rows.nth(30).locator('.subject').click();
  await page.getByRole('heading', { name: 'old-30' }).waitFor();
  world.investigations.entries = [...recent, ...old];
  await page.goBack();
  // The pages of the API have 20 alerts here, so the last one of before is on the third.
  await eventually(async () => (await rows.count()) === 60);
  const titles = await rows.locator('.title').allInnerTexts();
  expect(titles).toEqual([...recent, ...old].slice(0, 60).map(({ title }) => title));
});

test('the address keeps search and filters: reload, Back, and a link show the same alerts', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations');
  await page.getByLabel('Search').fill('Webhooks');
  const rows = page.locator('.wakes .wake');
  await eventually(async () => (await rows.count()) === 1);
  await page.getByText('Filters', { exact: true }).click();
  await page.getByLabel('Outcome').selectOption({ label: 'Not sent' });
  await eventually(async () => page.url().includes('outcome=dead'));
  const link = page.url();
  await page.reload();
  await eventually(async () => (await rows.count()) === 1);
  expect(await page.getByLabel('Search').inputValue()).toBe('Webhooks');
  expect(await page.getByLabel('Outcome').inputValue()).toBe('dead');
  await page.getByLabel('Outcome').selectOption({ label: 'Recovered before it was sent' });
  await page.getByText('No alert matches these filters.').waitFor();
  await page.goBack();
  await eventually(async () => (await rows.count()) === 1);
  expect(page.url()).toBe(link);
  await page.locator('.wake .subject').click();
  await page.getByRole('heading', { name: 'Webhooks wait for more than ten minutes' }).waitFor();
  await page.goBack();
  await eventually(async () => (await rows.count()) === 1);
  expect(await page.getByLabel('Outcome').inputValue()).toBe('dead');
});

test('a month of alerts is bars; a bar shows the alerts of its time, and Back returns', async () => {
  const world = busy();
  const { url, requests } = await api(world);
  const page = await open(url, '#/investigations?window=all');
  const bars = page.locator('.bucket');
  await bars.first().waitFor();
  const number = await bars.count();
  expect(number).toBeGreaterThan(40);
  const label = (await bars.nth(10).getAttribute('aria-label')) ?? '';
  const [, alerts] = /: (\d+) alerts?, \d+ not sent, \d+ suppressed$/.exec(label) ?? [];
  await page.locator('.bucket[tabindex="0"]').focus();
  await page.keyboard.press('ArrowLeft');
  expect(await page.evaluate('document.activeElement?.className')).toBe('bucket');
  expect(await bars.and(page.locator('[tabindex="0"]')).count()).toBe(1);
  // The fake API has old alerts only in the longest period.
  world.investigations = { entries: [...world.investigations.entries, ...world.older], nextCursor: null };
  await bars.nth(10).click();
  await eventually(async () => (await page.locator('.wakes .wake').count()) === Number(alerts));
  const last = requests.findLast(({ path }) => path.startsWith('/v1/investigations?'));
  const { from, to } = Object.fromEntries(new URL(last?.path ?? '', url).searchParams);
  expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBeGreaterThan(3_600_000);
  await page.goBack();
  await bars.nth(40).waitFor();
});

test('Back returns to the place in a long list, with the pages that were loaded', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations?window=all');
  const rows = page.locator('.wakes .wake');
  await rows.first().waitFor();
  for (let loaded = 20; loaded < 100; loaded += 20) {
    await page.getByRole('button', { name: 'Show older alerts' }).click();
    await eventually(async () => (await rows.count()) > loaded);
  }
  const row = rows.nth(70);
  await row.scrollIntoViewIfNeeded();
  const title = await row.locator('.subject').innerText();
  await row.locator('.subject').click();
  await page.locator('.slack').waitFor();
  expect(await page.evaluate('scrollY')).toBe(0);
  await page.goBack();
  await rows.nth(70).waitFor();
  await eventually(async () => Number(await page.evaluate('scrollY')) > 1_000);
  expect(await row.locator('.subject').innerText()).toBe(title);
  const top = (await row.boundingBox())?.y ?? -1;
  expect(top).toBeGreaterThan(0);
  expect(top).toBeLessThan(LAPTOP.height);
});

test('the alerts of the filter are exported, and no cell is a formula', async () => {
  const world = busy();
  world.investigations.entries.push(wake({ wakeId: 'w-formula', probe: 'formula', title: '=1+1, "x"' }));
  const { url } = await api(world);
  const page = await open(url, '#/investigations?window=7d');
  const saved = async (name: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
  };
  const csv = await saved('Export CSV');
  expect(csv.name).toMatch(/^kora-wake-alerts-\d{4}-\d\d-\d\d\.csv$/);
  // Excel takes a file without this mark for the encoding of the machine.
  expect(csv.text.split('\r\n')[0]).toMatch(/^\uFEFFwakeId,enqueuedAt,probe,/);
  expect(csv.text).toContain(`"'=1+1, ""x"""`);
  const json = JSON.parse((await saved('Export JSON')).text);
  expect(json.map(({ wakeId }: { wakeId: string }) => wakeId)).toEqual(
    world.investigations.entries.map(({ wakeId }) => wakeId),
  );
});

test('values of the address that the API refuses do not count', async () => {
  const { url, requests } = await api(busy());
  const hash = `#/investigations?from=y&to=99&outcome=foo&verdict=bar&severity=page&q=${'x'.repeat(300)}`;
  const page = await open(url, hash);
  await page.getByText('No alert matches these filters.').waitFor();
  const list = requests.find(({ path }) => path.startsWith('/v1/investigations?') && path.includes('severity'));
  const { from, outcome, verdict, severity, q } = Object.fromEntries(new URL(list?.path ?? '', url).searchParams);
  expect({ from, outcome, verdict, severity, q }).toEqual({ severity: 'page', q: 'x'.repeat(200) });
  expect(await page.getByLabel('Search').getAttribute('maxlength')).toBe('200');
  expect(await page.getByLabel('Outcome').inputValue()).toBe('');
});

test.each([
  ['Europe/Berlin', '2026-03-29T01:30', '2026-03-29T00:30'],
  ['Europe/Berlin', '2026-03-29T03:30', '2026-03-29T01:30'],
  // It does not exist: the clock goes from 2:00 to 3:00.
  ['Europe/Berlin', '2026-03-29T02:30', '2026-03-29T01:30'],
  // It comes twice.
  ['Europe/Berlin', '2026-10-25T02:30', '2026-10-25T00:30'],
  ['America/New_York', '2026-03-08T03:30', '2026-03-08T07:30'],
  ['America/New_York', '2026-03-08T02:30', '2026-03-08T07:30'],
  ['America/New_York', '2026-11-01T01:30', '2026-11-01T05:30'],
])('near a change of the clock, a time in %s is taken as written: %s', async (timezoneId, typed, utc) => {
  const { url } = await api(busy());
  const page = await open(url, '#/investigations', { timezoneId });
  await page.getByText('Filters', { exact: true }).click();
  await page.getByLabel('From', { exact: true }).fill(typed);
  await page.waitForURL((address) => address.hash.includes('from='));
  expect(new URLSearchParams(new URL(page.url()).hash.split('?')[1]).get('from')).toBe(`${utc}:00.000Z`);
});

test('blanks at the ends of a name belong to it', async () => {
  const world = busy();
  world.investigations.entries.push(wake({ wakeId: 'w-blank', probe: ' fly ', title: 'with blanks' }));
  const { url } = await api(world);
  const page = await open(url, '#/investigations?probe=+fly+');
  await eventually(async () => (await page.locator('.wakes .title').allInnerTexts()).join() === 'with blanks');
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
