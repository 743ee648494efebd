/** The page of the set-up, with the test alert. */
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, open, setUpConsole, text } from '../../support/console/page.ts';
import { busy, quiet } from '../../support/console/world.ts';
import { eventually } from '../../support/fixtures.ts';

setUpConsole();

test('each part says what is found, and what to do', async () => {
  const world = busy();
  const { url } = await api(world);
  const page = await open(url, '#/setup');
  await page.getByRole('heading', { name: '1 part needs attention' }).waitFor();
  const rows = await page.locator('.checks li').allInnerTexts();
  expect(rows).toHaveLength(world.status.checks.length);
  expect(rows[0]).toMatch(/^Ready\s+Redis redis:\/\/redis takes writes/);
  expect(rows.at(-1)).toMatch(/^Optional\s+Policy no file\s+Set KORA_POLICY_PATH/);
  world.status.checks = world.status.checks.filter(({ state }) => state === 'ok');
  await page.reload();
  await page.getByRole('heading', { name: 'Everything is set up' }).waitFor();
});

test('a test alert shows each step until it is sent', async () => {
  const world = busy();
  const { url, state, emit, streamCount, changes } = await api(world);
  const page = await open(url, '#/setup');
  await eventually(() => streamCount() === 1);
  await page.getByRole('button', { name: 'Send a test alert' }).click();
  const steps = page.locator('.steps-so-far li');
  await steps.nth(3).waitFor();
  expect(changes.map(({ path }) => path)).toEqual(['/v1/test']);
  expect(await steps.allInnerTexts()).toEqual([
    'Written to the audit log',
    'Picked up by the log watcher',
    'The AI investigates…',
    'Then it is sent to Slack',
  ]);
  const [wake] = state.world.investigations.entries;
  if (wake) Object.assign(wake, { state: 'ended', outcome: 'diagnosis', summary: 'A test.', dmStatus: 'sent' });
  emit('dm.sent', { wakeId: 'w-0', probe: 'postgres', category: 'replication_lag', outcome: 'diagnosis' });
  await eventually(async () => (await page.locator('.steps-so-far .done').count()) === 4);
  expect(await steps.last().innerText()).toBe('Sent to Slack');
  await page.getByRole('link', { name: 'Open the alert' }).click();
  await page.getByRole('heading', { name: 'Replica is 48 s behind' }).waitFor();
});

test('a test alert that is refused says why, and nobody with a read-only token can send one', async () => {
  const world = busy();
  const { url, state } = await api(world);
  const message = 'The policy mutes test alerts now (drills).';
  state.override = (path) => (path === '/v1/test' ? { status: 409, body: { message } } : undefined);
  const page = await open(url, '#/setup', {}, [FAILED_LOAD]);
  await page.getByRole('button', { name: 'Send a test alert' }).click();
  await page.getByText(message).waitFor();
  world.me = { name: 'jo', may: 'look' };
  await page.reload();
  await page.locator('.checks').waitFor();
  await eventually(async () => (await page.getByRole('button', { name: 'Send a test alert' }).count()) === 0);
});

test('a first run leads to the set-up', async () => {
  const { url } = await api(quiet());
  const page = await open(url);
  expect(await text(page, '.first-run')).toContain('No alert has come yet');
  await page.getByRole('link', { name: 'Check the set-up and send a test alert' }).click();
  await page.locator('.checks').waitFor();
});
