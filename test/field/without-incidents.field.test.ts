/** With `KORA_INCIDENT_QUIET_SECONDS=0` each alert stands alone, as in the original; a hold only delays. */
import { expect } from 'vitest';
import { DIAGNOSIS } from '../support/anthropic.ts';
import { doubles, environment, startAllApps } from '../support/doubles.ts';
import { append, eventually, recoveredRow, test, wakeRow } from '../support/fixtures.ts';
import { apiUrl } from '../support/spawn.ts';

test('without incidents each alert is sent, without buttons and edits, recoveries are ignored, and a hold only delays', async ({
  ns,
  logPath,
}) => {
  const { slack, env } = await doubles();
  const all = environment(ns, logPath, {
    ...env,
    KORA_INCIDENT_QUIET_SECONDS: '0',
    KORA_PROBE_DEBOUNCE_SECONDS: '0',
    KORA_SLACK_SIGNING_SECRET: 'secret-of-the-test',
  });
  const { api } = await startAllApps(all);
  const url = await apiUrl(api);
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await fetch(`${url}${path}`, { method, ...(body && json) })).json();
  };
  await eventually(() => ns.redis.exists(ns.keys.clicksTaken).then((n) => n === 1));
  append(logPath, wakeRow(), wakeRow(), recoveredRow({ probe: 'fly', category: 'service_unhealthy' }));
  await eventually(() => slack.accepted.length === 2);
  const text = `⚠️ Probe alert · fly\n${DIAGNOSIS}`;
  expect(slack.accepted.map((message) => message.text)).toEqual([text, text]);
  expect(JSON.stringify(slack.accepted.map(({ blocks }) => blocks))).not.toContain('"button"');

  await call('PUT', '/v1/hold', { seconds: 600 });
  append(logPath, wakeRow({ probe: 'vercel' }), wakeRow({ probe: 'sentry', severity: 'critical' }));
  await eventually(() => slack.accepted.length === 3);
  expect(slack.accepted[2]?.text).toContain('sentry');
  await eventually(() => ns.deliveries.getDelayedCount().then((n) => n === 1));
  await call('DELETE', '/v1/hold');
  await eventually(() => slack.accepted.length === 4);
  expect(slack.accepted[3]?.text).toContain('vercel');

  await eventually(async () => (await call('GET', '/v1/account')).unaccounted === 0);
  expect(await call('GET', '/v1/account')).toMatchObject({
    outcomes: { diagnosis: 4, joined: 0, withdrawn: 0 },
    recovered: { closed: 0, ignored: 1 },
    incidents: { opened: 0, open: 0 },
    notices: { sent: 0, pending: 0 },
  });
  expect(slack.accepted.flatMap(({ edits }) => edits)).toEqual([]);
});
