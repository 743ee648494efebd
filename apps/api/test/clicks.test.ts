/** Clicks on the buttons of a message, as Slack sends them over HTTP. */
import { createHmac } from 'node:crypto';
import { areClicksTaken } from '@kora-wake/shared/store/clicks';
import { readHold } from '@kora-wake/shared/store/hold';
import { readIncident, recordFeedback } from '@kora-wake/shared/store/incidents';
import { readWakeRecord, recordInvestigation } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../test/support/commit.ts';
import { aWake, eventually, type Namespace, test } from '../../../test/support/fixtures.ts';
import { announceClicks } from '../src/clicks.ts';
import { api, report } from './api.ts';

const SECRET = 'signing-secret-of-the-test';

let made = 0;

async function clicking(ns: Namespace, slackSigningSecret: string | undefined = SECRET) {
  const wake = aWake({ id: `w-click${++made}`, probe: 'fly', category: `c${made}`, severity: 'warning' });
  await commit(ns, [wake], [fires(wake)]);
  const id = incidentIdOf(wake.id);
  const { app, written } = await api(ns, undefined, undefined, { slackSigningSecret });
  const send = (body: string, headers: Record<string, string> = {}, at = Date.now()) => {
    const timestamp = String(Math.floor(at / 1_000));
    const signature = createHmac('sha256', SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
    const own = { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${signature}` };
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return app.inject({
      method: 'POST',
      url: '/slack/interactions',
      payload: body,
      headers: { ...type, ...own, ...headers },
    });
  };
  const bodyOf = (payload: unknown) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const clickOf = (action: string, more: { at?: number; value?: string; user?: object } = {}) => ({
    type: 'block_actions',
    user: more.user ?? { id: 'U1', username: 'ada' },
    container: { type: 'message', message_ts: '1.1', channel_id: 'D1' },
    actions: [
      {
        type: 'button',
        action_id: action,
        value: more.value ?? id,
        action_ts: String((more.at ?? Date.now()) / 1_000),
      },
    ],
  });
  const click = async (...about: Parameters<typeof clickOf>) => (await send(bodyOf(clickOf(...about)))).statusCode;
  const state = async () => (await readIncident(ns.redis, ns.keys, id))?.state;
  return { app, written, send, bodyOf, clickOf, click, state, wake, id };
}

describe('a click', () => {
  test('acknowledges, snoozes and resolves the incident, as the person who clicked', async ({ ns }) => {
    const { click, state, written, id, wake } = await clicking(ns);
    expect(await click('acknowledge')).toBe(200);
    expect(await readIncident(ns.redis, ns.keys, id)).toMatchObject({ state: 'acknowledged', by: 'ada' });
    expect(await click('snooze_8h', { user: { id: 'U2', name: 'Bob' } })).toBe(200);
    const snoozed = await readIncident(ns.redis, ns.keys, id);
    expect(snoozed).toMatchObject({ state: 'snoozed', by: 'Bob' });
    expect(snoozed?.snoozedUntil).toBeGreaterThan(Date.now() + 7 * 3_600_000);
    expect(await click('resolve')).toBe(200);
    expect(await state()).toBe('closed');
    const about = { incident_id: id, probe: 'fly', category: wake.category, via: 'slack' };
    expect(written).toMatchObject([
      { seam: 'operator.incident_acknowledged', details: { ...about, by: 'ada' } },
      { seam: 'operator.incident_snoozed', details: { ...about, by: 'Bob', seconds: 28_800 } },
      { seam: 'operator.incident_resolved', details: { ...about, by: 'ada' } },
    ]);
  });

  test('that Slack delivers twice is applied once', async ({ ns }) => {
    const { send, bodyOf, clickOf, written, id, app } = await clicking(ns);
    const body = bodyOf(clickOf('snooze_1h'));
    await send(body);
    await app.inject({ method: 'POST', url: `/v1/incidents/${id}/acknowledge` });
    expect((await send(body)).statusCode).toBe(200);
    expect(await readIncident(ns.redis, ns.keys, id)).toMatchObject({ state: 'acknowledged' });
    expect(written).toHaveLength(2);
  });

  test('judges the diagnosis, and a later one with the same verdict keeps the cause', async ({ ns }) => {
    const { click, written, id, wake } = await clicking(ns);
    expect(await click('feedback_wrong')).toBe(200);
    expect(written).toEqual([]);
    await recordInvestigation(ns.redis, ns.keys, wake, report, Date.now());
    await recordFeedback(ns.redis, ns.keys, id, { verdict: 'wrong', cause: 'a full disk', by: 'ada' });
    expect(await click('feedback_wrong')).toBe(200);
    const feedback = async () => (await readWakeRecord(ns.redis, ns.keys, wake.id))?.feedback;
    expect(await feedback()).toMatchObject({ verdict: 'wrong', cause: 'a full disk' });
    expect(await click('feedback_right')).toBe(200);
    expect(await feedback()).toMatchObject({ verdict: 'right', by: 'ada' });
    expect(written).toMatchObject([
      { seam: 'operator.incident_feedback', details: { incident_id: id, verdict: 'right', by: 'ada', via: 'slack' } },
    ]);
  });

  test('with an odd time or an odd id has no effect, and is no error', async ({ ns }) => {
    const { send, bodyOf, clickOf, click, state, written, id } = await clicking(ns);
    const odd = clickOf('resolve');
    odd.actions = odd.actions.map((action) => ({ ...action, action_ts: 'abc' }));
    expect((await send(bodyOf(odd))).statusCode).toBe(200);
    await ns.redis.rpush(ns.keys.olderMessages(id), 'x');
    for (const action of ['resolve', 'feedback_wrong']) {
      for (const value of [`${id}:older`, '', 'w-1', 'i-\u0000']) expect(await click(action, { value })).toBe(200);
    }
    expect(await state()).toBe('firing');
    expect(written).toEqual([]);
  });

  test('on a message to other people judges the wake that it shows', async ({ ns }) => {
    const { click, id, wake } = await clicking(ns);
    const newer = { ...wake, id: `${wake.id}-newer` };
    await ns.redis.hset(ns.keys.incident(id), 'messageOf', newer.id);
    for (const each of [wake, newer]) await recordInvestigation(ns.redis, ns.keys, each, report, Date.now());
    const entry = { message: JSON.stringify({ channel: 'D2', ts: '1.1' }), wakeId: wake.id, isOthers: true };
    await ns.redis.rpush(`${ns.keys.incident(id)}:others`, JSON.stringify(entry));
    expect(await click('feedback_wrong')).toBe(200);
    expect((await readWakeRecord(ns.redis, ns.keys, wake.id))?.feedback).toMatchObject({ verdict: 'wrong' });
    expect((await readWakeRecord(ns.redis, ns.keys, newer.id))?.feedback).toBeNull();
  });

  test('holds all messages for 30 minutes, once', async ({ ns }) => {
    const { send, bodyOf, clickOf, written } = await clicking(ns);
    const body = bodyOf(clickOf('hold_all'));
    for (let i = 0; i < 2; i++) expect((await send(body)).statusCode).toBe(200);
    const hold = await readHold(ns.redis, ns.keys);
    expect(hold).toMatchObject({ by: 'ada' });
    expect(Math.abs((hold?.until ?? 0) - Date.now() - 1_800_000)).toBeLessThan(60_000);
    expect(written).toMatchObject([
      { seam: 'operator.hold_set', details: { seconds: 1_800, by: 'ada', via: 'slack' } },
    ]);
  });

  test('from before a reopening, on a closed or an unknown incident, or on another button has no effect', async ({
    ns,
  }) => {
    const { click, state, wake, written } = await clicking(ns);
    const before = Date.now() - 1_000;
    expect(await click('unknown_button')).toBe(200);
    expect(await click('resolve', { value: 'i-none' })).toBe(200);
    await commit(ns, [], [recovers(wake)]);
    expect(await click('acknowledge')).toBe(200);
    expect(await state()).toBe('closed');
    const again = { ...wake, id: `${wake.id}-again` };
    await commit(ns, [again], [fires(again)]);
    expect(await click('resolve', { at: before })).toBe(200);
    expect(await state()).toBe('firing');
    expect(written).toEqual([]);
  });

  test('needs the signature of Slack, not older than five minutes', async ({ ns }) => {
    const { send, bodyOf, clickOf, state } = await clicking(ns);
    const body = bodyOf(clickOf('acknowledge'));
    const refused = [
      await send(body, { 'x-slack-signature': `v0=${'0'.repeat(64)}` }),
      await send(body, { 'x-slack-signature': '' }),
      await send(body, { 'x-slack-request-timestamp': '' }),
      await send(body, { 'x-slack-request-timestamp': 'now' }),
      await send(body, {}, Date.now() - 400_000),
      await send(body, {}, Date.now() + 400_000),
    ];
    expect(refused.map(({ statusCode }) => statusCode)).toEqual(refused.map(() => 401));
    expect(refused[0]?.json().message).toContain('KORA_SLACK_SIGNING_SECRET');
    expect(await state()).toBe('firing');
  });

  test('is refused with the way to allow it if there is no secret', async ({ ns }) => {
    const { app } = await api(ns);
    const answer = await app.inject({ method: 'POST', url: '/slack/interactions', payload: 'payload=' });
    expect([answer.statusCode, answer.json().message]).toEqual([
      403,
      expect.stringContaining('set KORA_SLACK_SIGNING_SECRET'),
    ]);
  });

  test.for(['', 'payload=', 'payload={', 'payload=null', 'payload=[]', 'payload={"type":"view_submission"}', 'x'])(
    'with a signed body that is not one is received and ignored: %s',
    async (body, { ns }) => {
      const { send, state } = await clicking(ns);
      expect((await send(body)).statusCode).toBe(200);
      expect(await state()).toBe('firing');
    },
  );

  test('is not acknowledged if it cannot be stored', async ({ ns }) => {
    const { send, bodyOf, clickOf } = await clicking(ns);
    const body = bodyOf(clickOf('acknowledge'));
    ns.redis.disconnect();
    expect((await send(body)).statusCode).toBe(503);
    await ns.redis.connect();
  });
});

test('workers learn for as long as an API takes clicks', async ({ ns }) => {
  const takes = { clicks: false };
  const stop = announceClicks(ns.redis, ns.keys, () => takes.clicks);
  expect(await areClicksTaken(ns.redis, ns.keys)).toBe(false);
  stop();
  takes.clicks = true;
  announceClicks(ns.redis, ns.keys, () => takes.clicks)();
  await eventually(() => areClicksTaken(ns.redis, ns.keys));
  expect(await ns.redis.ttl(ns.keys.clicksTaken)).toBeGreaterThan(10);
});
