import { describe, expect, onTestFinished, test } from 'vitest';
import { testLog } from '../../../../test/support/fixtures.ts';
import { neededScopes, reportIdentity } from '../../src/delivery/identity.ts';
import { slackMessenger } from '../../src/delivery/slack.ts';
import { slack } from '../working.ts';

async function reporting(channel: string, identity: { scopes?: string | undefined; error?: string }) {
  const double = await slack();
  Object.assign(double.identity, identity);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const log = testLog();
  const messenger = slackMessenger({ token: 'xoxb-secret', channel, apiUrl: double.apiUrl });
  const reported = reportIdentity(messenger, channel, { retryMs: 10, signal: stop.signal, log: log.logger });
  return { double, log, reported };
}

describe('at its start a worker', () => {
  test('reports team, bot and scopes', async () => {
    const { log, reported } = await reporting('U0OPERATOR', {});
    await reported;
    expect(log.lines).toMatchObject([
      { event: 'slack.connected', team: 'Acme', bot: 'kora', scopes: ['chat:write', 'im:history', 'im:write'] },
    ]);
  });

  test.for([
    ['U0OPERATOR', 'chat:write,im:write', ['im:history'], 'may be sent twice'],
    ['U0OPERATOR', 'im:history', ['chat:write', 'im:write'], 'no DM can be sent'],
    ['C0ALERTS', 'chat:write', ['channels:history or groups:history'], 'may be sent twice'],
    ['D0OPERATOR', '', ['chat:write', 'im:history'], 'no DM can be sent'],
  ] as const)('names the scopes that it lacks for %s with %s', async ([channel, scopes, missing, effect]) => {
    const { log, reported } = await reporting(channel, { scopes });
    await reported;
    expect(log.lines.at(-1)).toMatchObject({
      event: 'slack.scopes_missing',
      missing,
      msg: expect.stringContaining(effect),
    });
  });

  test.for([
    ['C0ALERTS', 'chat:write,groups:history'],
    ['U0OPERATOR', undefined],
  ] as const)('names none for %s with %s', async ([channel, scopes]) => {
    const { log, reported } = await reporting(channel, { scopes });
    await reported;
    expect(log.lines.map(({ event }) => event)).toEqual(['slack.connected']);
  });

  test('logs a refused token once, without the token, and reports when Slack accepts it', async () => {
    const { double, log, reported } = await reporting('U0OPERATOR', { error: 'invalid_auth' });
    await log.until('slack.check_failed');
    await expect.poll(() => double.requests.length).toBeGreaterThan(2);
    delete double.identity.error;
    await reported;
    expect(log.lines.map(({ event }) => event)).toEqual(['slack.check_failed', 'slack.connected']);
    expect(log.lines[0]).toMatchObject({ code: 'invalid_auth' });
    expect(JSON.stringify(log.lines)).not.toContain('xoxb-secret');
  });
});

test('the scopes of a person are those of a DM and of opening it', () => {
  expect(neededScopes('W0OPERATOR')).toEqual([['chat:write'], ['im:history'], ['im:write']]);
});
