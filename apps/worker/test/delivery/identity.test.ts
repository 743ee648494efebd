import { describe, expect, onTestFinished, test } from 'vitest';
import { testLog } from '../../../../test/support/fixtures.ts';
import { type Check, neededScopes, watchIdentity } from '../../src/delivery/identity.ts';
import { slackMessenger } from '../../src/delivery/slack.ts';
import { slack } from '../working.ts';

async function checking(channel: string, identity: { scopes?: string | undefined; error?: string }) {
  const double = await slack();
  Object.assign(double.identity, identity);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const log = testLog();
  const checks: Check[] = [];
  const messenger = slackMessenger({ token: 'xoxb-secret', channel, apiUrl: double.apiUrl });
  const options = { retryMs: 10, recheckMs: 20, signal: stop.signal, log: log.logger };
  void watchIdentity(messenger, channel, { ...options, checked: (check) => void checks.push(check) });
  return { double, log, checks };
}

describe('a worker', () => {
  test('reports team, bot and scopes once, although it asks again and again', async () => {
    const { log, checks } = await checking('U0OPERATOR', {});
    await expect.poll(() => checks.length).toBeGreaterThan(2);
    expect(log.lines).toMatchObject([
      { event: 'slack.connected', team: 'Acme', bot: 'kora', scopes: ['chat:write', 'im:history', 'im:write'] },
    ]);
    expect(checks[0]).toMatchObject({ identity: { team: 'Acme', bot: 'kora', missingScopes: [] } });
  });

  test.for([
    ['U0OPERATOR', 'chat:write,im:write', ['im:history'], 'may be sent twice'],
    ['U0OPERATOR', 'im:history', ['chat:write', 'im:write'], 'no DM can be sent'],
    ['C0ALERTS', 'chat:write', ['channels:history or groups:history'], 'may be sent twice'],
    ['D0OPERATOR', '', ['chat:write', 'im:history'], 'no DM can be sent'],
  ] as const)('names the scopes that it lacks for %s with %s', async ([channel, scopes, missing, effect]) => {
    const { log, checks } = await checking(channel, { scopes });
    await expect.poll(() => checks.length).toBeGreaterThan(1);
    expect(log.lines.at(-1)).toMatchObject({
      event: 'slack.scopes_missing',
      missing,
      msg: expect.stringContaining(effect),
    });
    expect(checks[0]).toMatchObject({ identity: { missingScopes: missing } });
  });

  test.for([
    ['C0ALERTS', 'chat:write,groups:history'],
    ['U0OPERATOR', undefined],
  ] as const)('names none for %s with %s', async ([channel, scopes]) => {
    const { log, checks } = await checking(channel, { scopes });
    await expect.poll(() => checks.length).toBeGreaterThan(0);
    expect(log.lines.map(({ event }) => event)).toEqual(['slack.connected']);
  });

  test('notices a token that is revoked later, logs it once and without the token, and notices the end', async () => {
    const { double, log, checks } = await checking('U0OPERATOR', {});
    await log.until('slack.connected');
    double.identity.error = 'token_revoked';
    await expect.poll(() => checks.filter((check) => 'failure' in check).length).toBeGreaterThan(2);
    delete double.identity.error;
    await expect.poll(() => 'identity' in checks.at(-1)!).toBe(true);
    expect(log.lines.map(({ event }) => event)).toEqual(['slack.connected', 'slack.check_failed', 'slack.connected']);
    expect(log.lines[1]).toMatchObject({ code: 'token_revoked' });
    expect(JSON.stringify(log.lines)).not.toContain('xoxb-secret');
  });
});

test('the scopes of a person are those of a DM and of opening it', () => {
  expect(neededScopes('W0OPERATOR')).toEqual([['chat:write'], ['im:history'], ['im:write']]);
});
