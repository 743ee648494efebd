/** Empty answers, missing answers and wrong answers. */

import type { Status } from '@kora-wake/api/contract';
import { expect, test } from 'vitest';
import { api, FAILED_LOAD, open, passTime, reloadWithClock, setUpConsole, text } from '../../support/console/page.ts';
import { busy, quiet, slackProblem } from '../../support/console/world.ts';
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
  expect(await text(page, 'h1')).toBe('State unknown');
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

test('All clear needs workers that can reach the AI and a recipient in Slack', async () => {
  const { url, state, emit, streamCount } = await api(quiet());
  const page = await open(url);
  await page.getByRole('heading', { name: 'All clear' }).waitFor();
  await eventually(() => streamCount() === 1);
  const { status } = state.world;
  const { slack, llm } = status;
  const problems = page.locator('.attention li');
  const shows = async (more: Partial<Status>, text: string) => {
    state.world.status = { ...status, ...more };
    emit('problem.changed', { service: 'slack', code: 'x' });
    await problems.filter({ hasText: text }).waitFor({ timeout: 20_000 });
    expect(await problems.count()).toBe(1);
    expect(await page.locator('h1').innerText()).toBe('Needs attention');
  };
  await shows({ slack: { ...slack!, isConfigured: false } }, 'Slack is not configured: alerts are only logged');
  const socket = { isConnected: false, connections: 0 };
  await shows(
    { slack, clicks: { areTaken: false, socket, isHttpOpen: false } },
    'The connection for clicks in Slack is down: use the buttons here',
  );
  await shows({ slack: { ...slack!, operator: null } }, 'No recipient is configured: messages fail');
  await shows({ llm: { ...llm!, isConfigured: false } }, 'The AI is not configured: alerts are sent without diagnosis');
  await shows({ slack: null, llm: null, workers: [] }, 'No worker has reported for 30 s');
  await shows(
    { problems: [slackProblem()] },
    '(token_revoked): 3 alerts wait until the token or the scopes are corrected',
  );
  await shows(
    { problems: [slackProblem({ kind: 'rate_limited', code: 'ratelimited', waiting: 1 })] },
    '1 alert waits, retrying',
  );
  await shows(
    { problems: [slackProblem({ kind: 'unreachable', code: 'ECONNREFUSED', waiting: 0 })] },
    'new alerts wait, retrying',
  );
  await shows(
    { problems: [slackProblem({ service: 'slack_rights', code: 'missing_scope', message: 'im:history' })] },
    'The Slack app lacks im:history',
  );
  const fault = {
    at: new Date().toISOString(),
    source: 'gatus',
    field: 'status',
    message: 'status is missing',
    text: '',
  };
  await shows(
    { ingestion: { sources: [], faults: [fault, fault] } },
    'An alert of gatus could not be read: status is missing',
  );
  const credit = { service: 'llm', code: 'sdk_4xx_400', message: 'Your credit balance is too low' } as const;
  await shows(
    { problems: [slackProblem(credit)] },
    '(sdk_4xx_400: Your credit balance is too low): alerts are sent without',
  );
});

test('while Redis is down the headline does not call old data new', async () => {
  const { url, state } = await api(busy());
  const page = await open(url, '#/', {}, [FAILED_LOAD]);
  await page.getByRole('heading', { name: '1 alert in progress' }).waitFor();
  expect(await text(page, '.headline')).toContain('suppressed in');
  const message = 'Redis does not answer; try again.';
  state.override = () => ({ status: 503, body: { statusCode: 503, error: 'Service Unavailable', message } });
  await page.getByRole('heading', { name: 'State unknown' }).waitFor();
  expect(await text(page, '.headline')).not.toContain('suppressed in');
});
