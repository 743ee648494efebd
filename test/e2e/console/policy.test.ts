/** The page of a policy: a backtest. */
import { expect, test } from 'vitest';
import { barriers } from '../../support/browser.ts';
import { api, FAILED_LOAD, OVERFLOW, open, setUpConsole } from '../../support/console/page.ts';
import { backtest, busy, MARKUP, missedAlert, quiet } from '../../support/console/world.ts';

setUpConsole();

const FAULTS = 'The policy is not usable:\n1: version must be 1\n4: rule 1: window must be a duration such as 10m';

test('a backtest with the keyboard shows both policies, and a critical alert first among those no longer sent', async () => {
  const { url, changes, state } = await api(busy());
  const page = await open(url);
  await page.getByRole('link', { name: 'Policy', exact: true }).click();
  await page.getByLabel('Policy to try (YAML)').focus();
  expect(await page.getByLabel('Policy to try (YAML)').inputValue()).toMatch(/^version: 1\nrules:\n/);
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('version: 1\n');
  // The last of the four times, then the button.
  for (let press = 0; press < 4; press++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  state.override = (path) => (path === '/v1/backtest' ? 'hang' : undefined);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('The backtest is running. A long log takes up to a minute.').waitFor();
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Running…');
  await page.keyboard.press('Enter');
  expect(changes).toHaveLength(1);
  expect(JSON.parse(changes[0]?.body ?? '')).toEqual({ policy: 'version: 1\n', timezone: 'Europe/Berlin' });
  state.override = () => undefined;
  await page.reload();
  await page.getByRole('button', { name: 'Last day' }).click();
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByText('does not send 4 alerts that are sent today, 1 of them critical.').waitFor();
  const { from } = JSON.parse(changes[1]?.body ?? '');
  expect(Math.abs(Date.now() - 86_400_000 - Date.parse(from))).toBeLessThan(60_000);
  const figures = page.locator('section', { has: page.getByRole('heading', { name: 'Current and new' }) });
  const lines = (await figures.locator('tr').allInnerTexts()).map((line) => line.replaceAll('\t', ' '));
  expect(lines).toEqual([
    'Policy current new',
    'Alerts 1,204 1,204',
    'Messages 207 87',
    'At night (22 to 7) 61 20',
    'Suppressed 950 950',
    'Counted, too few 0 0',
    'Muted 40 40',
    'Over before sent 3 3',
    'Malformed 4 4',
    'AI cost, about $12.60 $5.40',
  ]);
  const missed = page.locator('section', { has: page.getByRole('heading', { name: 'No longer sent' }) });
  expect(await missed.locator('h3').allInnerTexts()).toEqual([
    'Nobody would hear of these: 2',
    'A later message of the same pair would be sent: 1',
    'Counted on an earlier message of the same pair: 1',
  ]);
  const [first, second] = await missed.locator('li').allInnerTexts();
  expect(first).toMatch(/^critical\b[^]*The database is down[^]*suppressed/);
  expect(second).toContain(MARKUP);
  expect(await page.locator('.hours rect').count()).toBeGreaterThan(20);
  expect(await page.getByText('31 messages instead of 80.').count()).toBe(1);
  expect(await page.locator('.notes').allInnerTexts()).toEqual([
    expect.stringMatching(/^Line 4: rule 2 never applies/),
    expect.stringMatching(/^A live tailer decides/),
  ]);
  expect(await page.locator('main img, main script').count()).toBe(0);
});

test('faults of the policy are next to its text, and lead to their lines', async () => {
  const { url, state } = await api(busy());
  const page = await open(url, '#/policy', { viewport: { width: 390, height: 800 } }, [FAILED_LOAD]);
  const policy = page.getByLabel('Policy to try (YAML)');
  await policy.fill('version: 2\nrules:\n  - match: { probe: fly }\n    window: soon\n');
  state.override = (path) => (path === '/v1/backtest' ? { status: 400, body: { message: FAULTS } } : undefined);
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByText('The policy has 2 faults. Nothing was decided.').waitFor();
  expect(await page.getByRole('list', { name: 'Faults of the policy' }).getByRole('listitem').allInnerTexts()).toEqual([
    expect.stringMatching(/^Line 1\s*version must be 1$/),
    expect.stringMatching(/^Line 4\s*rule 1: window must be a duration such as 10m$/),
  ]);
  expect(await policy.getAttribute('aria-invalid')).toBe('true');
  expect(await page.evaluate('document.activeElement.id')).toBe('policy-text');
  await page.getByRole('button', { name: 'Line 4' }).press('Enter');
  expect(await page.evaluate('getSelection().toString()')).toBe('    window: soon');
  expect([await barriers(page), await page.evaluate(OVERFLOW)]).toEqual([[], 0]);
});

test('a backtest that fails says why, and one without alerts says so', async () => {
  const { url, state } = await api(quiet());
  const page = await open(url, '#/policy', {}, [FAILED_LOAD]);
  const busyAnswer = { status: 409, body: { message: 'A backtest is running.' } };
  state.override = (path) => (path === '/v1/backtest' ? busyAnswer : undefined);
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByText('The backtest failed: 409: A backtest is running.').waitFor();
  state.override = () => undefined;
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByText('No alerts in this time.').waitFor();
});

test('a long list shows its beginning, and a result stays until the policy changes', async () => {
  const world = busy();
  const missed = Array.from({ length: 40 }, (_, i) => missedAlert({ title: `alert ${i}` }));
  world.backtest = backtest({ missed, missedTotal: 1_200, missedCritical: 0 });
  const { url } = await api(world);
  const page = await open(url, '#/policy');
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByText('The first 40 are listed, critical ones first.').waitFor();
  expect(await page.locator('.missed li').count()).toBe(10);
  await page.getByRole('button', { name: 'Show all 40 alerts' }).click();
  expect(await page.locator('.missed li').count()).toBe(40);
  expect(await page.getByText('before your last changes').count()).toBe(0);
  await page.getByRole('link', { name: 'Costs' }).click();
  await page.getByRole('link', { name: 'Policy', exact: true }).click();
  await page.locator('.missed li').first().waitFor();
  await page.getByLabel('Policy to try (YAML)').fill('version: 1');
  await page.getByText('before your last changes').waitFor();
});

test('a token that may only read cannot run a backtest', async () => {
  const world = busy();
  world.me.may = 'look';
  const { url } = await api(world);
  const page = await open(url, '#/policy');
  await page.getByText('A backtest needs the full one.').waitFor();
  expect(await page.getByRole('button', { name: 'Run backtest' }).count()).toBe(0);
});

test('a suggested rule is copied with the indentation of the policy file', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/policy', { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.getByRole('button', { name: 'Run backtest' }).click();
  await page.getByRole('button', { name: 'Copy rule' }).click();
  await page.getByText('Copied').waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
    backtest().suggestions[0]?.rule.replace(/^/gm, '  '),
  );
});
