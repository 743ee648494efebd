import { describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, cutShort, html, json, reset } from '../../../../test/support/http-double.ts';
import { slackDouble } from '../../../../test/support/slack.ts';
import { DeliveryFailure, slackMessenger } from '../../src/delivery/slack.ts';

async function messengerWith(...answers: Answer[]) {
  const double = await slackDouble();
  onTestFinished(() => double.close());
  double.next.push(...answers);
  return { double, messenger: slackMessenger({ token: 'xoxb-secret', channel: 'U0OPERATOR', apiUrl: double.apiUrl }) };
}

const ok = (error: string): Answer => json(200, { ok: false, error });

describe('Slack', () => {
  test('gets the text for the operator with the wake’s id, and returns its place', async () => {
    const { double, messenger } = await messengerWith();
    expect(await messenger.post('🚨 it is down', 'w-1')).toEqual({
      channel: 'DU0OPERATOR',
      ts: double.accepted[0]?.ts,
    });
    expect(double.accepted).toMatchObject([{ channel: 'U0OPERATOR', text: '🚨 it is down', wakeId: 'w-1' }]);
    expect(double.requests[0]?.headers.authorization).toBe('Bearer xoxb-secret');
  });

  test.each<[string, Answer, Partial<DeliveryFailure>]>([
    [
      '429 with a Retry-After',
      json(429, {}, { 'retry-after': '7' }),
      { kind: 'not_posted', code: 'ratelimited', retryAfterMs: 7_000 },
    ],
    ['429 without one', json(429, {}), { kind: 'not_posted', code: 'ratelimited', retryAfterMs: 30_000 }],
    ['ratelimited in the body', ok('ratelimited'), { kind: 'not_posted', code: 'ratelimited', retryAfterMs: 30_000 }],
    ['500', html(500), { kind: 'unknown', code: 'http_500' }],
    ['503', html(503), { kind: 'unknown', code: 'http_503' }],
    ['an error page with status 200', html(200), { kind: 'unknown', code: 'unreadable_answer' }],
    ['a reset', reset, { kind: 'unknown', code: 'ECONNRESET' }],
    ['an answer cut short', cutShort, { kind: 'unknown', code: 'UND_ERR_SOCKET' }],
    ['internal_error', ok('internal_error'), { kind: 'unknown', code: 'internal_error' }],
    ['fatal_error', ok('fatal_error'), { kind: 'unknown', code: 'fatal_error' }],
    ['channel_not_found', ok('channel_not_found'), { kind: 'permanent', code: 'channel_not_found' }],
    ['msg_too_long', ok('msg_too_long'), { kind: 'permanent', code: 'msg_too_long' }],
    ['a code we never heard of', ok('new_in_2027'), { kind: 'permanent', code: 'new_in_2027' }],
    ['408 of a proxy', html(408), { kind: 'unknown', code: 'http_408' }],
    ['404 of a wrong address', html(404), { kind: 'unknown', code: 'http_404' }],
    ['403 of a proxy that answers in JSON', json(403, { message: 'Forbidden' }), { kind: 'unknown', code: 'http_403' }],
    ['a status that Slack never uses', json(202, {}), { kind: 'unknown', code: 'http_202' }],
    ['JSON of another program', json(200, { status: 'fine' }), { kind: 'unknown', code: 'unreadable_answer' }],
    ['JSON of success without a ts', json(200, { ok: true }), { kind: 'unknown', code: 'unreadable_answer' }],
    [
      'a refusal in Slack’s form with another status',
      json(403, { ok: false, error: 'channel_not_found' }),
      { kind: 'permanent', code: 'channel_not_found' },
    ],
    ['a migration', ok('team_added_to_org'), { kind: 'not_posted', code: 'team_added_to_org' }],
    ['the end of a migration', ok('org_login_required'), { kind: 'not_posted', code: 'org_login_required' }],
    ['a limited network', ok('accesslimited'), { kind: 'not_posted', code: 'accesslimited' }],
    ['missing_scope', ok('missing_scope'), { kind: 'outage', code: 'missing_scope' }],
    ['a token of the wrong type', ok('not_allowed_token_type'), { kind: 'outage', code: 'not_allowed_token_type' }],
    ['invalid_auth', ok('invalid_auth'), { kind: 'outage', code: 'invalid_auth' }],
    ['token_revoked', ok('token_revoked'), { kind: 'outage', code: 'token_revoked' }],
    ['account_inactive', ok('account_inactive'), { kind: 'outage', code: 'account_inactive' }],
  ])('%s is classified', async (_name, answer, expected) => {
    const { double, messenger } = await messengerWith(answer);
    const failure = await messenger.post('text', 'w-1').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeliveryFailure);
    expect(failure).toMatchObject(expected);
    // One owner of retries, and it is not the SDK.
    expect(double.requests).toHaveLength(1);
  });

  test('is searched for the message of a wake, through all pages', async () => {
    const { double, messenger } = await messengerWith();
    const since = Date.now();
    await messenger.post('one', 'w-1');
    const { ts } = await messenger.post('two', 'w-2');
    expect(await messenger.find('w-2', since)).toEqual({ channel: 'DU0OPERATOR', ts });
    expect(await messenger.find('w-3', since)).toBeUndefined();
    expect(await messenger.find('w-1', since + 2 * 3_600_000)).toBeUndefined();
    expect(double.requests.at(-1)?.body).toContain('include_all_metadata=true');
  });

  test('is searched from the claim on first, and then before it, because our clock may have been ahead', async () => {
    const { double, messenger } = await messengerWith();
    const { ts } = await messenger.post('one', 'w-1');
    const aheadMs = 3_600_000;
    expect(await messenger.find('w-1', Date.now())).toMatchObject({ ts });
    const near = double.requests.filter(({ path }) => path.endsWith('.history')).length;
    expect(await messenger.find('w-1', Date.now() + aheadMs)).toMatchObject({ ts });
    expect([near, double.requests.filter(({ path }) => path.endsWith('.history')).length]).toEqual([1, 3]);
  });

  test('is searched in the channel itself if the operator is a channel', async () => {
    const { double } = await messengerWith();
    const messenger = slackMessenger({ token: 'xoxb-secret', channel: 'C0ALERTS', apiUrl: double.apiUrl });
    const { ts } = await messenger.post('one', 'w-1');
    expect(await messenger.find('w-1', Date.now())).toEqual({ channel: 'C0ALERTS', ts });
    expect(double.requests.map(({ path }) => path)).toEqual(['/api/chat.postMessage', '/api/conversations.history']);
    expect(double.requests[1]?.body).toContain('channel=C0ALERTS');
  });

  test.each(['missing_scope', 'not_allowed_token_type'])(
    'that refuses a look-up with %s refuses all of them, but no message',
    async (code) => {
      const { double, messenger } = await messengerWith();
      double.lookUp.error = code;
      await expect(messenger.find('w-1', 0)).rejects.toMatchObject({ kind: 'permanent', code });
    },
  );

  test.each<[string, Answer]>([
    ['in a page', ({ headers }, response) => void response.writeHead(200).end(`<html>${headers.authorization}</html>`)],
    [
      'in a code',
      ({ headers }, response) =>
        void response.writeHead(200).end(JSON.stringify({ ok: false, error: headers.authorization })),
    ],
    ['in an error', ({ headers }, response) => void response.writeHead(500).end(headers.authorization)],
  ])('that repeats the token %s does not make us show it', async (_name, answer) => {
    const { messenger } = await messengerWith(answer);
    const failure = await messenger.post('text', 'w-1').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeliveryFailure);
    expect(JSON.stringify(failure) + String(failure)).not.toContain('xoxb-secret');
  });

  test('that cannot be connected to has not got the message', async () => {
    const { double, messenger } = await messengerWith();
    await double.close();
    await expect(messenger.post('text', 'w-1')).rejects.toMatchObject({ kind: 'not_posted', code: 'ECONNREFUSED' });
  });
});
