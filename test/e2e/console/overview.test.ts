/** The overview: state, problems, alerts, and updates. */
import { expect, test } from 'vitest';
import {
  api,
  FAILED_LOAD,
  open,
  passTime,
  reloadWithClock,
  seconds,
  setUpConsole,
  text,
  windowRow,
} from '../../support/console/page.ts';
import { busy, MINUTE, openWindow, quiet, wake } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('the overview shows state, alerts, suppression, cost and delivery check without scrolling on a laptop', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/', { viewport: { width: 1366, height: 640 } });
  await page.locator('.wake').first().waitFor();
  const inSight = async (selector: string) => {
    const box = await page.locator(selector).first().boundingBox();
    return box !== null && box.y + box.height <= 640;
  };
  expect(await text(page, 'h1')).toBe('1 alert in progress');
  expect(await text(page, '.wake:nth-child(2) .finding')).toContain('its token expired on 22 November');
  expect(await text(page, '.windows li:nth-child(2) .repeats')).toContain('14 repeats');
  expect(await text(page, '.spent')).toMatch(/\$[\d.]+ of \$[\d.]+ this month/);
  expect(await text(page, '.missing-count')).toBe('0 missing');
  for (const selector of [
    'h1',
    '.wake:nth-child(5)',
    '.windows li:nth-child(1)',
    '.budget-tiers',
    '.spent',
    '.queues',
    '.sources',
    '.missing-count',
  ]) {
    expect([selector, await inSight(selector)]).toEqual([selector, true]);
  }
  expect(await text(page, '.budget-tiers li.here')).toContain('75 %');
});

test('the time left of a suppression window counts down between answers', async () => {
  const { url, state } = await api(busy());
  const page = await open(url);
  const left = windowRow(page, 'postgres').locator('.countdown');
  const before = seconds(await left.innerText());
  expect(before).toBeGreaterThan(560);
  // No further answer arrives.
  state.override = (path) => (path === '/v1/debounce' ? 'hang' : undefined);
  await eventually(async () => seconds(await left.innerText()) <= before - 3);
  expect(seconds(await left.innerText())).toBeGreaterThan(before - 12);
});

test('a live event updates the page at once, and the changes by operators are listed', async () => {
  const { url, state, emit, streamCount } = await api(busy());
  const page = await open(url);
  await page.getByText('jo ended the suppression of').waitFor();
  // With an open stream the next poll is half a minute away.
  await eventually(() => streamCount() === 1);
  state.world.windows.entries = [];
  emit('window.cleared', {});
  await page.locator('.empty').filter({ hasText: 'Nothing is suppressed' }).waitFor({ timeout: 20_000 });
});

test('problems are listed: missing and late alerts, no worker, no log watcher, no budget', async () => {
  const world = busy();
  world.account.unaccounted = 2;
  world.account.oldestPendingMs = 7.5 * MINUTE;
  world.costs.rung = 'hard_stop_100';
  for (const source of world.tailer.sources) source.holder = null;
  for (const queue of world.queues.queues) queue.workers = 0;
  const { url } = await api(world);
  const page = await open(url);
  await page.locator('.attention li').nth(5).waitFor();
  expect(await page.locator('.attention li').allInnerTexts()).toEqual([
    '2 alerts missing: run npm run audit',
    'An alert has been in progress for 7 min 30 s',
    'Investigations: no worker is running, no alert is investigated',
    'Slack messages: no worker is running, no alert is sent',
    'Log watcher is down: new alerts are not picked up',
    'The AI budget is spent: alerts are sent without diagnosis',
  ]);
  expect(await text(page, '.missing-count.wrong')).toBe('2 missing');
});

test('a missing log, a second log under one path and a log that nobody follows are problems', async () => {
  const world = busy();
  const [source] = world.tailer.sources;
  world.tailer.sources = [
    { ...source!, id: 'a', path: '/srv/typo.jsonl', missingSince: new Date().toISOString() },
    { ...source!, id: 'b', path: '/srv/both.jsonl', conflictWith: 'web-2:7' },
    { ...source!, id: 'c', path: '/srv/old.jsonl', name: 'web-1', holder: null },
  ];
  const { url } = await api(world);
  const page = await open(url);
  await page.locator('.sources li').nth(2).waitFor();
  expect((await page.locator('.attention li').allInnerTexts()).filter((each) => each.includes('/srv/'))).toEqual([
    'Log watcher is down for /srv/old.jsonl: its new alerts are not picked up',
    'The log /srv/typo.jsonl does not exist: no alert can arrive',
    'Two hosts have different logs under /srv/both.jsonl: set KORA_SOURCE_NAME on each',
  ]);
  const rows = await page.locator('.sources li').allInnerTexts();
  expect(rows[0]).toMatch(/does not exist since/);
  expect(rows[2]).toMatch(/\(web-1\)/);
});

test('a tailer that never started is a problem, and a diagnosis is shown before it is sent', async () => {
  const world = quiet();
  world.tailer.sources = [];
  world.investigations.entries = [wake({ ...wake({}), outcome: null, outcomeAt: null, state: 'delivering' })];
  const { url } = await api(world);
  const page = await open(url);
  await page.getByText('Log watcher is down: new alerts are not picked up').waitFor();
  expect(await text(page, '.wake .finding')).toContain('its token expired on 22 November');
  expect(await text(page, '.wake .tag')).toBe('sending');
});

test('windows with the most repeats come first, and a button shows all changes', async () => {
  const world = busy();
  world.windows.entries = Array.from({ length: 9 }, (_, i) =>
    openWindow({ probe: `probe-${i}`, suppressed: i, remainingMs: (9 - i) * MINUTE }),
  );
  const [one] = world.operations;
  world.operations = Array.from({ length: 5 }, (_, i) => ({ ...one!, what: `thing_${i}_done` }));
  const { url } = await api(world);
  const page = await open(url);
  await windowRow(page, 'probe-8').waitFor();
  expect(await page.locator('.windows li b').first().innerText()).toBe('probe-8');
  expect(await page.locator('.windows li').count()).toBe(6);
  await page.getByRole('button', { name: 'Show all 5 changes' }).click();
  expect(await text(page, '.operations')).toContain('thing 4 done');
});

test('with more than 100 windows the noisiest come first, and totals are totals', async () => {
  const world = busy();
  world.windows.entries = Array.from({ length: 240 }, (_, i) =>
    openWindow({ probe: `probe-${i}`, wakeId: `w-${i}`, suppressed: i === 239 ? 31 : 0 }),
  );
  const { url } = await api(world);
  const page = await open(url);
  await page.getByText('31 repeats suppressed in 240 suppression windows.').waitFor();
  const rows = page.locator('.windows li');
  expect(await rows.first().locator('b').first().innerText()).toBe('probe-239');
  await page.getByRole('button', { name: 'Show 100 of 240 windows' }).click();
  expect(await rows.count()).toBe(100);
  await page.getByRole('button', { name: 'Show 100 more windows' }).click();
  await eventually(async () => (await rows.count()) === 200);
  await page.getByRole('button', { name: 'Show 100 more windows' }).click();
  await eventually(async () => (await rows.count()) === 240);
  expect(await page.getByRole('button', { name: 'Show 100 more windows' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Show the first 6' }).click();
  expect(await rows.count()).toBe(6);
});

test('"Nothing is suppressed" is not claimed after a failed read', async () => {
  const { url, state } = await api(quiet());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.getByText('Nothing is suppressed: the next alert of any probe is sent.').waitFor();
  await page.getByText('Nothing is suppressed. The next alert of any probe is investigated and sent.').waitFor();
  state.override = (path) => (path === '/v1/debounce' ? { status: 503, body: {} } : undefined);
  await page.getByText('No suppression window was open at the last successful update.').waitFor();
  expect(await page.getByText('Nothing is suppressed').count()).toBe(0);
});

test('the page updates itself, and asks nothing while it is hidden', async () => {
  const { url, state, requests, emit, streamCount } = await api(busy());
  const page = await open(url);
  await reloadWithClock(page);
  await page.locator('.wake').first().waitFor();
  await eventually(() => streamCount() === 1);
  state.world.account = { ...state.world.account, inFlight: 7 };
  emit('dm.sent', { wakeId: 'w-1', probe: 'fly', category: 'down', outcome: 'diagnosis' });
  await page.getByRole('heading', { name: '7 alerts in progress' }).waitFor();

  const visibility = (value: string) =>
    page.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${value}' });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await visibility('hidden');
  await page.waitForLoadState('networkidle');
  const asked = requests.length;
  // It holds no connection either: a browser allows few of them.
  await eventually(() => streamCount() === 0);
  await passTime(page);
  expect(requests.length).toBe(asked);
  state.world.account = { ...state.world.account, inFlight: 8 };
  // No poll becomes due on a stopped clock.
  await page.clock.pauseAt(Date.now() + 60 * MINUTE);
  await visibility('visible');
  await page.getByRole('heading', { name: '8 alerts in progress' }).waitFor();
  await eventually(() => streamCount() === 1);
});

test('with an open stream it asks rarely; without one, every few seconds', async () => {
  const { url, state, requests, streamCount } = await api(busy());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await reloadWithClock(page);
  await page.locator('.wake').first().waitFor();
  await eventually(() => streamCount() === 1);
  // The reads that follow the opening of the stream.
  await page.clock.runFor(1_000);
  await page.waitForLoadState('networkidle');
  const reads = (path: string) => requests.filter((request) => request.path === path).length;
  const before = reads('/v1/account');
  await page.clock.runFor(20_000);
  await page.waitForLoadState('networkidle');
  expect(reads('/v1/account')).toBe(before);
  // It finds a change without an event, and calls its data live all the time.
  expect(await page.locator('.freshness.live').count()).toBe(1);
  state.world.account = { ...state.world.account, inFlight: 7 };
  await passTime(page);
  await page.getByRole('heading', { name: '7 alerts in progress' }).waitFor();
  expect(reads('/v1/account') - before).toBeLessThanOrEqual(2);
  state.streams = false;
  state.override = () => undefined;
  await eventually(() => streamCount() === 0);
  state.world.account = { ...state.world.account, inFlight: 8 };
  await page.getByRole('heading', { name: '8 alerts in progress' }).waitFor();
});
