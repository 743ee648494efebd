/** The page of an incident: its timeline, and earlier incidents of the pair. */
import { expect, test } from 'vitest';
import { barriers } from '../../support/browser.ts';
import { api, OVERFLOW, open, setUpConsole } from '../../support/console/page.ts';
import { busy, LONG, MARKUP, MINUTE, wake } from '../../support/console/world.ts';

setUpConsole();

const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE).toISOString();

const operation = (
  minutes: number,
  what: string,
  details: Record<string, unknown> = {},
  reason: string | null = null,
) => ({
  at: ago(minutes),
  what,
  by: 'ada',
  reason,
  details: { incident_id: 'i-1', probe: 'fly', category: 'service_unhealthy', ...details },
});

/** An incident of one hour that reopened, was escalated, and has ended. */
function worldOfAnHour() {
  const world = busy();
  const [incident] = world.incidents;
  if (!incident) throw new Error('the busy world has an incident');
  Object.assign(incident, {
    state: 'closed',
    openedAt: ago(60),
    startedAt: ago(40),
    flaps: 1,
    escalatedAt: ago(50),
    closedAt: ago(5),
    closeReason: 'recovered',
  });
  world.pastIncidents = world.pastIncidents.map((each) => (each.id === 'i-1' ? incident : each));
  world.investigations.entries = [
    wake({
      wakeId: 'w-b',
      title: 'again',
      enqueuedAt: ago(40),
      outcome: 'fallback',
      verdict: null,
      summary: null,
      code: 'sdk_timeout',
      recoveredAt: ago(5),
    }),
    wake({ wakeId: 'w-a', title: 'at first', enqueuedAt: ago(60), recoveredAt: ago(45) }),
  ];
  // The API has the newest first. The timeline must not depend on it.
  world.operations = [
    operation(30, 'incident_acknowledged', {}, MARKUP),
    operation(55, 'incident_snoozed', { seconds: 3_600 }),
    operation(2, 'incident_feedback', { verdict: 'partly', cause: 'the card had expired' }),
  ];
  return world;
}

test('the timeline has alerts, actions, escalation, recoveries and the end in the order of time', async () => {
  const { url } = await api(worldOfAnHour());
  const page = await open(url, '#/incidents/i-1');
  const entries = page.locator('.history > li');
  await entries.first().waitFor();
  const lines = (await entries.allInnerTexts()).map((line) => line.replace(/\s+/g, ' '));
  expect(lines).toEqual(
    [
      /^ada judged the diagnosis of fly \/ service_unhealthy: cause partly right\. the card had expired .*2 min ago$/,
      /^Ended: recovered .*5 min ago$/,
      /^ada acknowledged fly \/ service_unhealthy: <img .*30 min ago$/,
      /again.*40 min ago/,
      /^Opened again .*40 min ago$/,
      /^Recovered .*45 min ago$/,
      /^Escalated to other people .*50 min ago$/,
      /^ada snoozed fly \/ service_unhealthy for 1 h .*55 min ago$/,
      /at first.*60 min ago|at first.*1 h ago/,
      /^Opened .*1 h ago$/,
    ].map((pattern) => expect.stringMatching(pattern)),
  );
  expect(await entries.getByRole('img').evaluateAll((marks) => marks.map((mark) => mark.ariaLabel))).toEqual([
    'Sent without diagnosis',
    'Sent',
  ]);
  expect(
    await entries.getByRole('link').evaluateAll((links) => links.map((link) => link.getAttribute('href'))),
  ).toEqual(['#/investigations/w-b', '#/investigations/w-a']);
  expect(await page.locator('main img, main script').count()).toBe(0);
});

test('an opinion that is no longer among the last changes is still in the timeline', async () => {
  const world = worldOfAnHour();
  world.operations = [];
  const [last] = world.investigations.entries;
  if (last) last.feedback = { verdict: 'wrong', cause: 'it was DNS', by: 'jo', at: ago(20) };
  const { url } = await api(world);
  const page = await open(url, '#/incidents/i-1');
  await page.locator('.event', { hasText: /^jo judged .*: cause wrong\. it was DNS/ }).waitFor();
});

test('earlier incidents of the pair are counted and lead to their pages', async () => {
  const { url, requests } = await api(busy());
  const page = await open(url, '#/incidents/i-1');
  const earlier = page.getByRole('region', { name: 'Earlier incidents' });
  await earlier.getByText('Second incident in 7 days').waitFor();
  expect(requests.map(({ path }) => path)).toContain(
    '/v1/incidents?state=all&limit=50&probe=fly&category=service_unhealthy',
  );
  expect(await earlier.locator('li').allInnerTexts()).toEqual([
    expect.stringMatching(/warning[^]*1 h, recovered, 4 alerts/),
    expect.stringMatching(/critical[^]*10 h, resolved by a person, 130 alerts/),
  ]);
  await earlier.getByRole('link').first().click();
  await page.getByText('recovered after 1 h').waitFor();
  await page.getByRole('region', { name: 'Earlier incidents' }).getByText('First incident in 7 days').waitFor();
});

test('the number of earlier incidents is at least that of the page, if there are more pages', async () => {
  const { url } = await api(busy());
  const page = await open(url, '#/');
  const earlier = page.getByRole('region', { name: 'Earlier incidents' });
  const answerWith = (entries: unknown[]) =>
    page.route('**/v1/incidents?state=all*', (route) => route.fulfill({ json: { entries, nextCursor: '50' } }));
  await answerWith([]);
  await page.goto(`${url}/#/incidents/i-1`);
  await earlier.getByText('At least 1 incident in 7 days').waitFor();
  await earlier.getByText('No earlier one among the newest incidents of the pair.').waitFor();
  // A page that goes back for more than 7 days has all of them.
  await answerWith(busy().pastIncidents);
  await page.reload();
  await earlier.getByText('Second incident in 7 days').waitFor();
});

test('long names and a small phone leave no barrier', async () => {
  const world = worldOfAnHour();
  world.operations = [operation(3, 'incident_acknowledged', { probe: LONG, category: LONG }, LONG)];
  const { url } = await api(world);
  const page = await open(url, '#/incidents/i-1', { viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
  await page.locator('.history > li').first().waitFor();
  expect([await barriers(page), await page.evaluate(OVERFLOW)]).toEqual([[], 0]);
});
