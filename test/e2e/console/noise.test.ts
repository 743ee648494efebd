/** The page of noise: numbers by pair, and a backtest of another window for one pair. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { barriers, launchBrowser, watchedPage } from '../../support/browser.ts';
import { api, FAILED_LOAD, OVERFLOW, open, PHONE, reloadWithClock, setUpConsole } from '../../support/console/page.ts';
import { busy, pairStats, quiet } from '../../support/console/world.ts';
import { environment, startAllApps } from '../../support/doubles.ts';
import { append, eventually, test as testWithRedis, wakeRow } from '../../support/fixtures.ts';

setUpConsole();

type Page = Awaited<ReturnType<typeof open>>;

/** The names of the pairs, in the order of the table. */
const names = (page: Page) => page.locator('.pairs tbody tr:not(.total) b').allInnerTexts();
const sortBy = (page: Page, column: string) =>
  page.locator('.pairs thead').getByRole('button', { name: column, exact: true }).click();
const statusOf = (page: Page) => page.locator('.trial [role=status]').first();
const tried = (changes: { path: string; body: string }[]) =>
  changes.filter(({ path }) => path === '/v1/backtest').map(({ body }) => JSON.parse(body).pair);

/** Backtests that are answered after `release`. `most`: of those that ran at once. */
async function holdBacktests(page: Page) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let [running, most] = [0, 0];
  await page.route('**/v1/backtest', async (route) => {
    most = Math.max(most, ++running);
    const response = await route.fetch();
    await promise;
    running--;
    await route.fulfill({ response });
  });
  return { release: resolve, most: () => most };
}

describe('the table', () => {
  test('asks for the time zone of the browser, and has a line of totals and a row for each pair', async () => {
    const { url, requests } = await api(busy());
    const page = await open(url);
    await page.getByRole('link', { name: 'Noise' }).click();
    const rows = page.locator('.pairs tbody tr');
    await rows.first().waitFor();
    expect(requests.map(({ path }) => path)).toContain(
      '/v1/stats?window=7d&by=pair&timezone=Europe%2FBerlin&limit=2000',
    );
    expect((await rows.allInnerTexts()).slice(0, 3).map((line) => line.split(/\s*\t\s*/))).toEqual([
      ['All pairs', '1,000', '213', '70', '767', '15 %', '2', '68', '60', '40', '$20.24', ''],
      [
        expect.stringMatching(/^fly\s*service_unhealthy$/),
        '700',
        '120',
        '9',
        '560',
        '25 %',
        '0',
        '60',
        '20',
        '10',
        '$7.20',
        'Try a window',
      ],
      [
        expect.stringMatching(/^postgres/),
        '240',
        '80',
        '61',
        '160',
        '0 %',
        '2',
        '8',
        '40',
        '30',
        '$12.64',
        'Try a window',
      ],
    ]);
    expect(await rows.last().innerText()).toMatch(/^All other pairs\s/);
    // The heads of the columns have at most two lines.
    expect((await page.locator('.pairs thead').boundingBox())?.height).toBeLessThan(70);
    expect(await page.getByRole('link', { name: 'fly' }).getAttribute('href')).toBe(
      '#/investigations?probe=fly&category=service_unhealthy',
    );
    expect(await page.locator('main img, main script').count()).toBe(0);
  });

  test('sorts by each column, and turns the order at the second press', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/noise');
    const sorts = () =>
      page.evaluate(
        `[...document.querySelectorAll('th[aria-sort]')].map((e) => [e.innerText.trim().split(/\\s/)[0], e.ariaSort])`,
      );
    await page.locator('.pairs .try').first().waitFor();
    expect([(await names(page))[0], await sorts()]).toEqual(['fly', [['Not', 'descending']]]);
    await sortBy(page, 'At night');
    await page.locator('th[aria-sort]', { hasText: 'At night' }).waitFor();
    expect((await names(page))[0]).toBe('postgres');
    await sortBy(page, 'At night');
    await page.locator('th[aria-sort=ascending]').waitFor();
    expect((await names(page)).at(-1)).toBe('postgres');
    await sortBy(page, 'Pair');
    await page.locator('th[aria-sort=ascending]', { hasText: 'Pair' }).waitFor();
    expect((await names(page)).slice(1, 3)).toEqual(['fly', 'postgres']);
    for (const [column, first] of [
      ['Alerts', 'fly'],
      ['Suppressed', 'fly'],
      ['No diagnosis', 'fly'],
      ['Not sent', 'postgres'],
      ['Confirmed', 'fly'],
      ['Likely', 'postgres'],
      ['Inconclusive', 'postgres'],
      ['AI cost', 'postgres'],
    ] as const) {
      await sortBy(page, column);
      await page.locator('th[aria-sort=descending]', { hasText: column }).waitFor();
      expect([column, (await names(page))[0]]).toEqual([column, first]);
    }
  });

  test('keeps period, order and search over a reload and Back', async () => {
    const { url, requests } = await api(busy());
    const page = await open(url, '#/noise');
    await page.getByRole('button', { name: '35 days' }).click();
    await sortBy(page, 'At night');
    await page.getByLabel('Name').pressSequentially('SERVICE_un');
    await page.getByText('1 pair that matches').waitFor();
    expect(await names(page)).toEqual(['fly']);
    expect(new URL(page.url()).hash).toBe('#/noise?window=35d&sort=night&q=SERVICE_un');
    const totals = await page.locator('.pairs .total td').allInnerTexts();
    expect(totals.slice(0, 3)).toEqual(['700', '120', '9']);
    await page.reload();
    await page.getByText('1 pair that matches').waitFor();
    expect(await page.getByLabel('Name').inputValue()).toBe('SERVICE_un');
    expect(await page.getByRole('button', { name: '35 days' }).getAttribute('aria-pressed')).toBe('true');
    expect(requests.some(({ path }) => path.startsWith('/v1/stats?window=35d&'))).toBe(true);
    await page.getByLabel('Name').fill('nobody');
    await page.getByText('No pair has “nobody” in its name.').waitFor();
    // The text that is typed makes no entries in the history.
    await page.goBack();
    await page.locator('th[aria-sort]', { hasText: 'Not suppressed' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#/noise?window=35d');
    await page.goBack();
    await page.locator('button[aria-pressed=true]', { hasText: '7 days' }).waitFor();
  });

  test('shows a thousand pairs step by step', async () => {
    const world = busy();
    world.stats.entries = Array.from({ length: 1_000 }, (_, i) =>
      pairStats({ probe: `probe-${i}`, category: 'down', rows: 1_000 - i, wakes: 1_000 - i }),
    );
    world.stats.left = 7;
    const { url } = await api(world);
    const page = await open(url, '#/noise');
    await page.getByText('1,007 pairs', { exact: true }).waitFor();
    expect((await names(page)).length).toBe(50);
    await page.getByRole('button', { name: 'Show 50 more of 950 pairs' }).click();
    await page.getByRole('button', { name: 'Show 50 more of 900 pairs' }).waitFor();
    expect((await names(page)).length).toBe(100);
    expect(await page.getByText('7 more pairs have fewer alerts.').count()).toBe(1);
    await page.getByLabel('Name').fill('probe-999');
    await page.getByText('1 pair that matches').waitFor();
  });

  test('without alerts says how to write one, or to choose a longer period', async () => {
    const world = quiet();
    const { url, state } = await api(world);
    const page = await open(url, '#/noise');
    await page.getByText('npm run wake -- --probe fly').waitFor();
    state.world = { ...world, investigations: busy().investigations };
    await page.reload();
    await page.getByText('No alerts in the last 7 days. Choose a longer period.').waitFor();
  });

  test('on a phone has controls of 44 px and no barrier', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/noise?probe=fly&category=service_unhealthy', {
      viewport: { ...PHONE, width: 390 },
      forcedColors: 'active',
    });
    await page.locator('.trial .missed').first().waitFor();
    const low = await page.evaluate(
      `[...document.querySelectorAll('.noise :is(button, input, summary, a)')].filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML)`,
    );
    expect([low, await barriers(page), await page.evaluate(OVERFLOW)]).toEqual([[], [], 0]);
  });
});

describe('the trial of another window', () => {
  test('shows numbers and rule of one pair from one press, and the address has all of it', async () => {
    const { url, changes } = await api(busy());
    const page = await open(url, '#/noise', { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByRole('button', { name: 'Try a window for fly' }).click();
    await page.getByText('87 messages instead of 207, 20 instead of 61 at night.').waitFor();
    expect(await page.evaluate('document.activeElement.className')).toBe('trial');
    expect(tried(changes)).toEqual([{ probe: 'fly', category: 'service_unhealthy', windowMs: 1_800_000 }]);
    expect(await page.locator('.trial .missed li').first().innerText()).toContain('The database is down');
    await page.getByRole('button', { name: 'Copy rule' }).click();
    await page.getByText('Copied').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('  - match: { probe: "fly" }\n    window: 30m');
    await page.getByRole('button', { name: '4 h', exact: true }).click();
    await page.getByLabel('Send after this number of alerts').fill('3');
    await eventually(() => tried(changes).at(-1)?.consecutive === 3);
    expect(tried(changes).at(-1)).toMatchObject({ windowMs: 14_400_000, consecutive: 3 });
    expect(new URL(page.url()).hash).toBe('#/noise?probe=fly&category=service_unhealthy&minutes=240&alerts=3');
    expect(await page.locator('.incident-list li').allInnerTexts()).toEqual([
      expect.stringMatching(/critical[^]*12 min, firing, 15 alerts/),
      expect.stringMatching(/warning[^]*1 h, recovered, 4 alerts/),
      expect.stringMatching(/critical[^]*10 h, resolved by a person, 130 alerts/),
    ]);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('.trial').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.ariaLabel')).toMatch(/^Try a window for fly/);
  });

  test('waits while a person types, and runs one backtest after the other', async () => {
    const { url, changes, state } = await api(busy());
    const page = await open(url, '#/noise?probe=fly&category=service_unhealthy&minutes=now', {}, [FAILED_LOAD]);
    await page.getByText('Choose a window, or a number of alerts.').waitFor();
    await page.getByLabel('or minutes').pressSequentially('1234');
    await statusOf(page).filter({ hasText: '87 messages' }).waitFor();
    expect(tried(changes).map(({ windowMs }) => windowMs)).toEqual([1_234 * 60_000]);
    const held = await holdBacktests(page);
    await page.getByRole('button', { name: '1 h', exact: true }).click();
    await eventually(() => tried(changes).length === 2);
    await page.getByRole('button', { name: '2 h' }).click();
    await page.getByText('The backtest is running.').waitFor();
    held.release();
    await statusOf(page).filter({ hasText: '87 messages' }).waitFor();
    expect(tried(changes).map(({ windowMs }) => windowMs / 60_000)).toEqual([1_234, 60, 120]);
    expect(held.most()).toBe(1);
    await page.unrouteAll();
    state.override = (path) =>
      path === '/v1/backtest' ? { status: 409, body: { message: 'A backtest is running.' } } : undefined;
    await page.getByRole('button', { name: '10 min' }).click();
    await page.getByText('The backtest failed: 409: A backtest is running.').waitFor();
    state.override = () => undefined;
    await page.getByRole('button', { name: 'Try again' }).click();
    await statusOf(page).filter({ hasText: '87 messages' }).waitFor();
  });

  test('shows a number that cannot be tried next to its field, and no result', async () => {
    const { url, changes } = await api(busy());
    const page = await open(url, '#/noise?probe=fly&category=service_unhealthy&minutes=-5&alerts=99999');
    await page.getByText('Enter a whole number from 0 to 527,040.').waitFor();
    await page.getByText('Enter a whole number from 1 to 1,000.').waitFor();
    expect(await statusOf(page).innerText()).toBe('Correct the setting first.');
    const minutes = page.getByLabel('or minutes');
    expect(await minutes.getAttribute('aria-invalid')).toBe('true');
    await minutes.fill('30');
    await page.getByText('Enter a whole number from 0').waitFor({ state: 'detached' });
    expect(await statusOf(page).innerText()).toBe('Correct the setting first.');
    expect([tried(changes), await page.locator('.trial .results').count()]).toEqual([[], 0]);
    await page.getByLabel('Send after this number of alerts').fill('3');
    await statusOf(page).filter({ hasText: '87 messages' }).waitFor();
    await page.getByLabel('Send after this number of alerts').fill('1.5');
    await page.locator('.trial .results').waitFor({ state: 'detached' });
    expect(tried(changes)).toHaveLength(1);
  });

  test('needs both names of the pair', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/noise?category=service_unhealthy');
    await page.locator('.pairs .try').first().waitFor();
    expect(await page.locator('.trial').count()).toBe(0);
  });

  test('says one message, and that older incidents are not listed', async () => {
    const world = busy();
    world.backtest.policies[1]!.wakes = world.backtest.policies[1]!.withdrawn + 1;
    const { url } = await api(world);
    const page = await open(url, '#/noise?probe=fly&category=service_unhealthy');
    await page.getByText('1 message instead of 207').waitFor();
    await page.route('**/v1/incidents?*', (route) => route.fulfill({ json: { entries: [], nextCursor: '50' } }));
    await page.reload();
    await page.getByText('No incident of this pair among the newest incidents.').waitFor();
    await page.getByText('only the newest ones').waitFor();
  });

  test('of a name with blanks at its ends is a trial of this name', async () => {
    const world = busy();
    world.stats.entries.push(pairStats({ probe: ' fly ', category: 'down', rows: 1 }));
    const { url, changes } = await api(world);
    const page = await open(url, '#/noise?q=down');
    await page.getByRole('button', { name: 'Try a window for' }).click();
    await statusOf(page).filter({ hasText: 'messages' }).waitFor();
    expect(tried(changes)).toEqual([{ probe: ' fly ', category: 'down', windowMs: 1_800_000 }]);
    expect(await page.locator('.trial header .pair b').first().innerText()).toBe('␣fly␣');
  });

  test('runs before the suggestions that are asked for meanwhile', async () => {
    const { url, changes } = await api(busy());
    const page = await open(url);
    const held = await holdBacktests(page);
    await page.goto(`${url}/#/noise?probe=fly&category=service_unhealthy`);
    await eventually(() => tried(changes).length === 1);
    await page.getByRole('button', { name: 'Suggest rules for the noisiest pairs' }).click();
    await page.getByRole('button', { name: 'Running…' }).waitFor();
    held.release();
    await page.getByText('31 messages instead of 80.').waitFor();
    expect(held.most()).toBe(1);
  });

  test('is not offered with a token that may only read', async () => {
    const world = busy();
    world.me.may = 'look';
    const { url, changes } = await api(world);
    const page = await open(url);
    // A late answer must not let the backtest begin.
    const late = Promise.withResolvers<void>();
    await page.route('**/v1/me', async (route) => {
      await late.promise;
      await route.continue();
    });
    await page.goto(`${url}/#/noise?probe=fly&category=service_unhealthy`);
    await reloadWithClock(page);
    await page.getByRole('form', { name: 'Setting to try' }).waitFor();
    // Longer than a change of the setting waits for the next one.
    await page.clock.runFor(5_000);
    late.resolve();
    await page.getByText('Your token is read-only. A backtest needs the full one.').waitFor();
    expect(await names(page)).toContain('postgres');
    expect(await page.getByRole('button', { name: 'Suggest rules' }).count()).toBe(0);
    expect(changes).toEqual([]);
  });

  test('of the noisiest pairs suggests rules', async () => {
    const { url } = await api(busy());
    const page = await open(url, '#/noise');
    await page.getByRole('button', { name: 'Suggest rules for the noisiest pairs' }).click();
    await page.getByText('31 messages instead of 80.').waitFor();
  });
});

testWithRedis('a trial of a real log has its numbers and its rule', async ({ ns, logPath }) => {
  const { url } = await startAllApps(environment(ns, logPath));
  const row = (minutesAgo: number, severity: string, probe = 'fly') =>
    wakeRow({
      probe,
      severity,
      title: `${minutesAgo} min`,
      emittedAt: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
    });
  append(
    logPath,
    ...[61, 49, 37, 25, 13].map((minutesAgo) => row(minutesAgo, 'warning')),
    row(8, 'critical'),
    ...[40, 20, 1].map((minutesAgo) => row(minutesAgo, 'warning', 'other')),
  );
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const { page, complaints } = await watchedPage(browser, url, { locale: 'en-GB' });
  await page.goto(`${url}/#/noise?window=24h`);
  const pair = page.locator('.pairs tbody tr', { hasText: 'fly' });
  await pair.locator('td').first().filter({ hasText: '6' }).waitFor();
  // The first warning and the first critical alert. The others came inside the window of the first.
  expect((await pair.locator('td').allInnerTexts()).slice(0, 4)).toEqual(['6', '2', expect.any(String), '4']);
  await pair.getByRole('button', { name: 'Try a window' }).click();
  // By their own times: a window of 30 minutes hides 49, 37 and 13.
  await page
    .getByText(/^3 messages instead of 6, .* It does not send 3 alerts that are sent today, 0 of them critical\.$/)
    .waitFor();
  expect(await page.locator('.trial .missed .title').allInnerTexts()).toEqual(['49 min', '37 min', '13 min']);
  expect(await page.locator('.trial .rule').textContent()).toBe(
    '  - match: { probe: "fly", category: "service_unhealthy" }\n    window: 30m',
  );
  expect(complaints).toEqual([]);
});
