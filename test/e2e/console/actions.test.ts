/** Everything an operator can change on the overview. */
import { expect, test } from 'vitest';
import {
  api,
  FAILED_LOAD,
  open,
  passTime,
  reloadWithClock,
  setUpConsole,
  text,
  windowRow,
} from '../../support/console/page.ts';
import { busy, LONG, letter, MARKUP, NASTY, slackProblem } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('the end of a suppression needs a confirmation, and its result is shown', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url);
  const row = windowRow(page, NASTY);
  await row.getByRole('button', { name: 'End now' }).click();
  expect(changes).toEqual([]);
  expect(await row.innerText()).toContain('The next alert is sent. No repeats so far.');
  await row.getByRole('button', { name: 'Cancel' }).click();
  await row.getByRole('button', { name: 'End now' }).click();
  await page.keyboard.press('Escape');
  expect(changes).toEqual([]);
  await row.getByRole('button', { name: 'End now' }).click();
  await row.getByLabel('Reason (optional)').fill(' Störung & 🔥 ');
  await row.getByRole('button', { name: 'End now' }).click();
  const notice = page.locator('[role=status]').filter({ hasText: 'Suppression of' });
  await notice.waitFor();
  expect(await notice.innerText()).toContain(`Suppression of ${NASTY} / <img`);
  expect(await notice.innerText()).toContain('ended after no repeats. The next alert is sent.');
  const [{ method, path } = { method: '', path: '' }, ...more] = changes;
  const asked = new URL(path, url);
  expect([method, asked.pathname, Object.fromEntries(asked.searchParams), more]).toEqual([
    'DELETE',
    '/v1/debounce',
    { probe: NASTY, category: MARKUP, reason: 'Störung & 🔥' },
    [],
  ]);
  expect(await row.count()).toBe(0);
  expect(await page.evaluate('document.activeElement?.textContent')).toContain('Suppression of');
});

test('an open incident is acknowledged, snoozed and resolved in place', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url);
  const row = page.locator('.open-incidents li').filter({ hasText: 'fly' }).first();
  expect(await row.innerText()).toMatch(/firing for 12 min.* · 14 repeats/s);
  await row.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByText('fly / service_unhealthy: acknowledged. Only its first critical alert is still sent.').waitFor();
  expect(await row.innerText()).toContain('acknowledged by jo');
  await row.getByRole('button', { name: 'Snooze' }).click();
  await page.getByText('fly / service_unhealthy: snoozed for 1 h.').waitFor();
  expect(await row.innerText()).toContain('snoozed by jo until');
  await row.getByRole('button', { name: 'Resolve' }).click();
  await page.getByText('fly / service_unhealthy: resolved. Its next alert is sent.').waitFor();
  expect(changes.map(({ method, path }) => [method, path])).toEqual([
    ['POST', '/v1/incidents/i-1/acknowledge'],
    ['POST', '/v1/incidents/i-1/snooze'],
    ['POST', '/v1/incidents/i-1/resolve'],
  ]);
  expect(await page.locator('.open-incidents li').count()).toBe(2);
});

test('the page of an alert in a storm acts on all alerts of the storm', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url, '#/incidents/i-3');
  await page.getByRole('button', { name: 'Acknowledge all: All alerts of the storm' }).click();
  await page.getByText('All alerts of the storm: acknowledged.').waitFor();
  expect(changes.map(({ path }) => path)).toEqual(['/v1/incidents/i-3/acknowledge?storm=true']);
});

test('the page of an incident shows its message, and takes actions and the real cause', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url);
  await page.locator('.open-incidents li a').filter({ hasText: 'fly' }).first().click();
  await page.getByRole('heading', { level: 1, name: 'fly / service_unhealthy' }).waitFor();
  const message = page.getByRole('region', { name: 'Slack message' });
  expect(await message.innerText()).toContain('🚨 fly · Fly app(s) unreachable: HTTP 401');
  expect(await message.innerText()).toContain(MARKUP);
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByText('acknowledged by jo').waitFor();
  await page.getByLabel('Real cause (optional)').fill('the card had expired 🔥');
  await page.getByRole('button', { name: 'Cause wrong' }).click();
  await page.getByText('jo: cause wrong').waitFor();
  expect(await page.getByRole('region', { name: 'Was the cause right?' }).innerText()).toContain(
    'the card had expired 🔥',
  );
  expect(changes.map(({ method, path }) => [method, path])).toEqual([
    ['POST', '/v1/incidents/i-1/acknowledge'],
    ['POST', '/v1/incidents/i-1/feedback'],
  ]);
});

test('all messages are held, and the hold is ended', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url);
  const panel = page.getByRole('region', { name: 'Hold' });
  await panel.getByText('Not held').waitFor();
  await panel.getByRole('button', { name: 'Hold all 30 min' }).click();
  await panel.getByText('by jo').waitFor();
  expect(await text(page, '.attention')).toMatch(
    /All messages are held until .* by jo: only first critical alerts are sent/,
  );
  await panel.getByRole('button', { name: 'End hold' }).click();
  await panel.getByText('Not held').waitFor();
  expect(changes.map(({ method, path }) => [method, path])).toEqual([
    ['PUT', '/v1/hold'],
    ['DELETE', '/v1/hold'],
  ]);
});

test('a log that nobody follows can be removed from the list, with a reason', async () => {
  const world = busy();
  const [source] = world.tailer.sources;
  world.tailer.sources = [source!, { ...source!, id: '0123456789abcdef', path: '/srv/old.jsonl', holder: null }];
  const { url, changes } = await api(world);
  const page = await open(url);
  const row = page.locator('.sources li').filter({ hasText: '/srv/old.jsonl' });
  await row.getByRole('button', { name: 'Remove' }).click();
  expect(await row.innerText()).toContain('If it is watched again, only its new alerts are read.');
  expect(changes).toEqual([]);
  await row.getByLabel('Reason (optional)').fill('host is gone');
  await row.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('/srv/old.jsonl is no longer listed.').waitFor();
  expect(changes.map(({ method, path }) => [method, path])).toEqual([
    ['DELETE', '/v1/tailer/0123456789abcdef?reason=host%20is%20gone'],
  ]);
  expect(await page.locator('.sources li').count()).toBe(1);
  expect(await page.locator('.sources li').getByRole('button', { name: 'Remove' }).count()).toBe(0);
});

test('the search finds windows beyond the first page by a part of a name', async () => {
  const { url, state, emit, streamCount } = await api(busy());
  const page = await open(url);
  await windowRow(page, 'postgres').waitFor();
  expect(await page.getByRole('button', { name: 'Find' }).count()).toBe(0);
  await eventually(() => streamCount() === 1);
  const [some] = state.world.windows.entries;
  state.world.windows.entries.push(
    ...Array.from({ length: 240 }, (_, i) => ({ ...some!, category: `storm-${i}`, wakeId: `w-${i}` })),
    { ...some!, probe: NASTY, category: 'Far_Down', wakeId: 'w-far', suppressed: 3 },
    { ...some!, probe: 'far', category: 'off', wakeId: 'w-off', suppressed: 2 },
  );
  emit('window.opened', { probe: NASTY, category: 'Far_Down' });
  await page.getByLabel('Name').fill('far');
  await page.keyboard.press('Enter');
  await windowRow(page, 'Far_Down').waitFor();
  expect(await page.locator('.windows li').count()).toBe(2);
  await page.getByText('5 repeats suppressed in 2 windows with far in the name.').waitFor();
  await page.getByLabel('Name').fill('nobody');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText('No open suppression window has nobody in its probe or category.').waitFor();
  await page.getByRole('button', { name: 'All windows' }).click();
  await windowRow(page, 'storm').first().waitFor();
});

test('a suppression with names of 3,000 characters can be ended, and a failure shows its reason', async () => {
  const { url, changes, state } = await api(busy());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  const clear = async (name: string) => {
    const row = windowRow(page, name);
    await row.getByRole('button', { name: 'End now' }).click();
    await row.getByRole('button', { name: 'End now' }).click();
  };
  await clear(LONG);
  await page.locator('.notice .good').filter({ hasText: '1,240 repeats' }).waitFor();
  const long = encodeURIComponent(LONG);
  expect(changes[0]?.path).toBe(`/v1/debounce?probe=${long}&category=${long}`);

  state.override = (_, method) =>
    method === 'DELETE' ? { status: 403, body: { message: 'This token may only read.' } } : undefined;
  await clear('postgres');
  await page.locator('.notice .bad').filter({ hasText: 'was not ended: 403: This token may only read.' }).waitFor();
  expect(await windowRow(page, 'postgres').count()).toBe(1);

  state.override = (_, method) => (method === 'DELETE' ? { status: 200, body: { cleared: 0 } } : undefined);
  await clear('postgres');
  await page.locator('.notice .good').filter({ hasText: 'had already ended' }).waitFor();
});

test('a pause needs a confirmation, a paused queue is a problem, and resume ends it', async () => {
  const { url, changes } = await api(busy());
  const page = await open(url);
  const row = page.locator('.queues li').filter({ hasText: 'Slack messages' });
  await row.getByRole('button', { name: 'Pause' }).click();
  expect(await row.innerText()).toContain('Until you resume, no alert is sent.');
  expect(changes).toEqual([]);
  await row.getByRole('button', { name: 'Pause' }).click();
  await page.locator('.notice').filter({ hasText: 'Slack messages paused' }).waitFor();
  expect(await text(page, '.attention')).toContain('Slack messages paused: no alert is sent');
  await row.getByRole('button', { name: 'Resume' }).click();
  await page.locator('.notice').filter({ hasText: 'Slack messages resumed' }).waitFor();
  expect(await page.locator('.attention').count()).toBe(0);
  expect(changes.map(({ method, path }) => [method, path])).toEqual([
    ['POST', '/v1/queues/deliveries/pause'],
    ['POST', '/v1/queues/deliveries/resume'],
  ]);
});

test('a failed delivery can be retried, and dismissed only with a reason', async () => {
  const world = busy();
  const byHand = letter({ jobId: 'by hand', wakeId: null, probe: null, category: null, severity: null, title: null });
  world.deadLetters = {
    entries: [letter(), letter({ jobId: 'w-9', wakeId: 'w-9', probe: NASTY }), byHand],
    nextCursor: null,
  };
  const { url, changes } = await api(world);
  const page = await open(url);
  expect(await text(page, '.attention')).toContain('3 alerts were not delivered');
  const stripe = page.locator('.failed-deliveries li').filter({ hasText: 'stripe' });
  await stripe.getByRole('button', { name: 'Retry' }).click();
  await page.locator('.notice').filter({ hasText: 'Retrying stripe' }).waitFor();
  const nasty = page.locator('.failed-deliveries li').filter({ hasText: NASTY });
  await nasty.getByRole('button', { name: 'Dismiss' }).click();
  await page.keyboard.press('Escape');
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Dismiss…');
  await page.keyboard.press('Enter');
  await nasty.getByRole('button', { name: 'Dismiss' }).click();
  expect(changes).toHaveLength(1);
  await nasty.getByRole('textbox').fill('called by phone');
  await page.keyboard.press('Enter');
  await nasty.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Retry: deliveries / by hand' }).click();
  await page.getByText('No failed deliveries any more.').waitFor();
  expect(changes).toEqual([
    { method: 'POST', path: `/v1/dead-letters/deliveries/${encodeURIComponent('w-4:deliver/1 %')}/retry`, body: '' },
    { method: 'DELETE', path: '/v1/dead-letters/deliveries/w-9', body: JSON.stringify({ reason: 'called by phone' }) },
    { method: 'POST', path: '/v1/dead-letters/deliveries/by%20hand/retry', body: '' },
  ]);
});

test('a retried message update is not called sent, because its alert was sent before', async () => {
  const world = busy();
  world.deadLetters.entries = [letter({ queue: 'followups', jobId: 'f-1', wakeId: 'w-1', probe: 'fly' })];
  const { url, requests } = await api(world);
  const page = await open(url);
  await page.locator('.failed-deliveries').waitFor();
  await reloadWithClock(page);
  await page.getByRole('button', { name: 'Retry: fly' }).click();
  await page.getByText('Retrying fly / webhook_backlog. It comes back if it fails again.').waitFor();
  await passTime(page);
  expect(requests.filter(({ path }) => path === '/v1/investigations/w-1')).toEqual([]);
});

test('a retry that takes longer than two minutes is not called sent', async () => {
  const world = busy();
  Object.assign(world.investigations.entries.find(({ wakeId }) => wakeId === 'w-4')!, { outcome: null });
  world.deadLetters.entries = [letter({})];
  const { url } = await api(world);
  const page = await open(url);
  await page.locator('.failed-deliveries').waitFor();
  await reloadWithClock(page);
  await page.getByRole('button', { name: 'Retry: stripe' }).click();
  await page.getByText('Retrying stripe / webhook_backlog…').waitFor();
  await page.clock.runFor(125_000);
  await page.getByText('stripe / webhook_backlog is not sent yet: see its page.').waitFor();
});

test('a token that may only read gets no buttons that change anything', async () => {
  const world = busy();
  world.me.may = 'look';
  world.deadLetters.entries = [letter()];
  world.queues.queues[0]!.isPaused = true;
  const { url } = await api(world);
  const page = await open(url);
  await page.getByText('read-only').waitFor();
  expect(await page.getByRole('button', { name: /End now|Pause|Resume|Retry|Dismiss/ }).count()).toBe(0);
});

test('the page of an alert that was not sent says why, and offers retry or dismiss', async () => {
  const { url, changes, state } = await api(busy());
  const page = await open(url, '#/investigations/w-4');
  const box = page.locator('.delivery-state');
  await box.waitFor();
  expect(await box.innerText()).toMatch(/^Not sent: Slack does not know the recipient channel_not_found, /);
  await reloadWithClock(page);
  await box.getByRole('button', { name: 'Retry: stripe' }).click();
  await page.getByText('Retrying stripe / webhook_backlog…').waitFor();
  await box.getByRole('button', { name: 'Dismiss: stripe' }).click();
  await box.getByLabel('Reason to dismiss').fill('told by phone');
  await box.getByRole('button', { name: 'Dismiss' }).click();
  await page.getByText('It will not be sent.').waitFor();
  // The end of the retry comes later, and is no news any more.
  await page.clock.runFor(5_000);
  expect(await page.locator('.notice').innerText()).toContain('It will not be sent.');
  expect(changes.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['POST', '/v1/dead-letters/deliveries/deliver-w-4/retry', ''],
    ['DELETE', '/v1/dead-letters/deliveries/deliver-w-4', '{"reason":"told by phone"}'],
  ]);
  const dismissed = { by: 'jo', reason: MARKUP, at: new Date().toISOString() };
  const entry = state.world.investigations.entries.find(({ wakeId }) => wakeId === 'w-4');
  Object.assign(entry!, { dismissed });
  await page.reload();
  await box.waitFor();
  expect(await box.innerText()).toContain(`Dismissed by jo`);
  expect(await box.innerText()).toContain(MARKUP);
  expect(await box.getByRole('button').count()).toBe(0);
});

test('the page of an alert that waits for Slack says since when and why', async () => {
  const world = busy();
  Object.assign(world.investigations.entries[1]!, { outcome: null, outcomeAt: null, state: 'delivering' });
  const { url, state, emit, streamCount } = await api(world);
  const page = await open(url, '#/investigations/w-1');
  await page.locator('.summary').waitFor();
  expect(await page.locator('.delivery-state').count()).toBe(0);
  await eventually(() => streamCount() === 1);
  state.world.status = { ...world.status, problems: [slackProblem()] };
  emit('problem.changed', { service: 'slack', code: 'token_revoked' });
  await page.locator('.delivery-state').waitFor({ timeout: 20_000 });
  expect(await text(page, '.delivery-state')).toMatch(
    /^Not sent yet\. Slack has refused our requests since .* \(token_revoked\): 3 alerts wait/,
  );
});
