/** Notices: the messages of an incident that belong to no wake. */
import { readAccount } from '@kora-wake/shared/store/account';
import { recordClicksTaken } from '@kora-wake/shared/store/clicks';
import { setHold } from '@kora-wake/shared/store/hold';
import {
  actOnIncident,
  type IncidentAction,
  readIncident,
  recordFeedback,
  runIncidentClocks,
} from '@kora-wake/shared/store/incidents';
import { endNotice, listPendingNotices, readNotice } from '@kora-wake/shared/store/notices';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, test } from '../../../../test/support/fixtures.ts';
import { json, reset } from '../../../../test/support/http-double.ts';
import { committed, HOUR_MS, notices, sent, someSent } from '../keeping.ts';
import { outcomeIs } from '../working.ts';

describe('a snooze that ends', () => {
  test('notifies once, with the buttons, and the earlier message points to the new one', async ({ ns, logPath }) => {
    await recordClicksTaken(ns.redis, ns.keys);
    const { double, id, act, back, posts } = await sent(ns, logPath);
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await someSent(ns, 1);
    expect(posts()[1]).toMatch(
      /^🚨 Probe alert · fly\n[^]*\(The snooze is over and this still fires, for 0 min now\.\)/,
    );
    expect(JSON.stringify(double.accepted[1]?.blocks)).toContain('"acknowledge"');
    await eventually(() => double.accepted[0]?.edits.at(-1)?.text.includes('A newer message'));
    const incident = await readIncident(ns.redis, ns.keys, id);
    expect(incident).toMatchObject({ state: 'firing', message: { ts: double.accepted[1]?.ts } });
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ unaccounted: 0, notices: { sent: 1, dead: 0 } });
  });

  test('does not notify if it is over, or if an alert was sent meanwhile', async ({ ns, logPath }) => {
    const { wake, act, back, posts } = await sent(ns, logPath);
    await setHold(ns.redis, ns.keys, 60, 'ada');
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(async () => (await notices(ns)).pending === 1);
    await commit(ns, [], [recovers(wake)]);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await eventually(async () => (await notices(ns)).withdrawn === 1);
    expect(posts()).toHaveLength(1);
    expect((await readAccount(ns.redis, ns.keys)).unaccounted).toBe(0);
  });
});

describe('a notice', () => {
  test('whose answer was lost is looked up, and not sent again', async ({ ns, logPath }) => {
    const { double, clock, act, back, posts } = await sent(ns, logPath);
    double.next.push(double.acceptThen(reset));
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(() => double.accepted.length === 2);
    clock.aheadMs += 60_000;
    await someSent(ns, 1);
    expect(posts()).toHaveLength(2);
  });

  test('that may not be looked up is sent again, and says that it may be a duplicate', async ({ ns, logPath }) => {
    const { double, clock, act, back, posts } = await sent(ns, logPath);
    double.lookUp.error = 'missing_scope';
    double.next.push(double.acceptThen(reset));
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(() => double.accepted.length === 2);
    clock.aheadMs += 60_000;
    await someSent(ns, 1);
    expect(posts()[2]).toContain('(Possible duplicate: Slack did not confirm an earlier attempt.)');
  });

  test('that Slack refuses for good is a dead letter', async ({ ns, logPath }) => {
    const { double, log, act, back } = await sent(ns, logPath);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await log.until('notices.dead', (line) => line.reason === 'channel_not_found');
    expect(await notices(ns)).toEqual({ sent: 0, withdrawn: 0, dead: 1, pending: 0 });
    expect(await ns.followups.getFailedCount()).toBe(1);
  });

  test('whose worker died before it recorded the failure is recorded by another one', async ({ ns, logPath }) => {
    const { double, act, back } = await sent(ns, logPath);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(async () => (await notices(ns)).dead === 1);
    const [job] = await ns.followups.getFailed();
    const id = job?.id ?? '';
    await ns.redis.hdel(ns.keys.notice(id), 'outcome');
    await ns.redis.hincrby(ns.keys.counters, 'notices:dead', -1);
    await ns.redis.zadd(ns.keys.pendingNotices, Date.now(), id);
    await eventually(async () => (await notices(ns)).dead === 1);
    expect(await listPendingNotices(ns.redis, ns.keys, 10)).toEqual([]);
  });

  test('has one outcome', async ({ ns, logPath }) => {
    const { act, back } = await sent(ns, logPath);
    await setHold(ns.redis, ns.keys, 60, 'ada');
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(async () => (await notices(ns)).pending === 1);
    const [id = ''] = await listPendingNotices(ns.redis, ns.keys, 10);
    const notice = await readNotice(ns.redis, ns.keys, id);
    if (!notice) throw new Error('no notice');
    const end = async (outcome: 'sent' | 'dead') => (await endNotice(ns.redis, ns.keys, { notice, outcome })).isFirst;
    expect([await end('sent'), await end('sent'), await end('dead')]).toEqual([true, false, false]);
    expect(await notices(ns)).toEqual({ sent: 1, withdrawn: 0, dead: 0, pending: 0 });
  });
});

describe('an acknowledged incident', () => {
  test('reminds after hours, again and again, but not during a hold', async ({ ns, logPath }) => {
    const { act, back, posts } = await sent(ns, logPath);
    await act({ kind: 'acknowledge' });
    await back('acknowledgedAt', 4 * HOUR_MS);
    await back('remindFrom');
    await someSent(ns, 1);
    expect(posts()[1]).toContain('(Reminder: acknowledged by ada 4 h 0 min ago, and it still fires.)');
    await back('remindFrom');
    await someSent(ns, 2);
    // The clock stands still while a hold is in force, and goes on after it.
    const [startedAt, until] = [Date.now() - 2 * HOUR_MS, Date.now() + HOUR_MS];
    await ns.redis.hset(ns.keys.hold, { startedAt, until, heldMs: 0, by: 'ada' });
    await back('remindFrom');
    await runIncidentClocks(ns.redis, ns.keys, { remindMs: HOUR_MS });
    expect(await notices(ns)).toMatchObject({ sent: 2, pending: 0 });
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await runIncidentClocks(ns.redis, ns.keys, { remindMs: HOUR_MS });
    expect(await notices(ns)).toMatchObject({ sent: 2, pending: 0 });
    await back('remindFrom', 2 * HOUR_MS);
    await someSent(ns, 3);
  });

  test('never reminds if that is off', async ({ ns, logPath }) => {
    const { double, act, back } = await sent(ns, logPath, { clocks: { remindMs: 0 } });
    await act({ kind: 'acknowledge' });
    await back('remindFrom', 100 * HOUR_MS);
    await eventually(() => double.accepted[0]?.edits.length === 1);
    expect(await notices(ns)).toMatchObject({ sent: 0, pending: 0 });
  });
});

describe('a message that a person deleted', () => {
  test('is posted again while its incident fires', async ({ ns, logPath }) => {
    const { double, id, wake, posts } = await sent(ns, logPath);
    const [message] = double.accepted;
    if (message) message.isDeleted = true;
    await commit(ns, [], [fires(wake, false)]);
    await recordFeedback(ns.redis, ns.keys, id, { verdict: 'right', by: 'ada' });
    await someSent(ns, 1);
    expect(posts()[1]).toContain('(Posted again, because the earlier message is gone.)');
  });

  test('is left alone if the incident is acknowledged', async ({ ns, logPath }) => {
    const { double, log, act } = await sent(ns, logPath);
    const [message] = double.accepted;
    if (message) message.isDeleted = true;
    await act({ kind: 'acknowledge' });
    await log.until('incidents.message_not_edited');
    expect(await notices(ns)).toMatchObject({ sent: 0, pending: 0 });
  });
});

describe('an incident that nobody acknowledges', () => {
  const escalate = { afterMs: 2 * HOUR_MS, severities: ['critical'], to: ['U0BOSS', 'webhook'] };

  test('is escalated once, to each person and to the webhook, and those messages say when it is over', async ({
    ns,
    logPath,
  }) => {
    const calls: Array<{ body: object; key: string }> = [];
    const answers = [new Error('no answer'), 503];
    const callWebhook = async (body: object, key: string) => {
      calls.push({ body, key });
      const answer = answers.shift() ?? 200;
      if (typeof answer !== 'number') throw answer;
      return answer;
    };
    const { double, id, wake, back } = await sent(ns, logPath, { clocks: { escalate }, callWebhook });
    await back('escalateFrom', 2 * HOUR_MS);
    await someSent(ns, 2);
    const escalated = double.accepted.filter(({ channel }) => channel === 'U0BOSS');
    expect(escalated.map(({ text }) => text)).toEqual([expect.stringContaining('(Escalated to you: ')]);
    // Any answer ends it, and the key is the same in each call.
    expect(calls).toHaveLength(2);
    expect(calls[0]?.body).toMatchObject({ incident: { id, state: 'firing' }, reason: 'escalation' });
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
    expect(await readIncident(ns.redis, ns.keys, id)).toMatchObject({ escalatedAt: expect.any(Number) });
    await commit(ns, [], [recovers(wake)]);
    await eventually(() => escalated[0]?.edits.at(-1)?.text.includes('(Recovered'));
    expect(double.accepted).toHaveLength(2);
  });

  test.for<{ name: string; severity?: string; action?: IncidentAction }>([
    { name: 'a warning', severity: 'warning' },
    { name: 'one that somebody acknowledged', action: { kind: 'acknowledge' } },
    { name: 'one that is over', action: { kind: 'resolve' } },
  ])('is not escalated if it is $name', async ({ severity = 'critical', action }, { ns, logPath }) => {
    const { back, act } = await sent(ns, logPath, { clocks: { escalate } }, { severity });
    if (action) await act(action);
    // A field that the action removed counts from zero: it would be due.
    if (!action) await back('escalateFrom', 100 * HOUR_MS);
    const other = await committed(ns, { category: 'other', severity: 'critical' });
    await ns.redis.hincrby(ns.keys.incident(incidentIdOf(other.id)), 'escalateFrom', -2 * HOUR_MS);
    await eventually(async () => (await notices(ns)).sent >= 1);
    const about = await Promise.all(
      (await ns.redis.keys(ns.keys.notice('*'))).map((key) => ns.redis.hget(key, 'incident')),
    );
    expect(new Set(about)).toEqual(new Set([incidentIdOf(other.id)]));
  });

  test('is not escalated again after it was reopened, nor after somebody acknowledged it in this opening', async ({
    ns,
    logPath,
  }) => {
    const { id, wake, back, act } = await sent(ns, logPath, { clocks: { escalate } }, { severity: 'warning' });
    const everyone = { ...escalate, severities: ['warning', 'critical'], to: ['U0BOSS'] };
    const due = async () => {
      // A clock that does not run stays absent.
      if ((await ns.redis.hexists(ns.keys.incident(id), 'escalateFrom')) === 1) await back('escalateFrom', 9 * HOUR_MS);
      await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0, escalate: everyone });
      const { sent: done, pending, withdrawn } = await notices(ns);
      return done + pending + withdrawn;
    };
    await act({ kind: 'acknowledge' });
    const critical = await committed(ns, { severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    expect((await readIncident(ns.redis, ns.keys, id))?.state).toBe('firing');
    expect(await due()).toBe(0);
    const reopen = async () => {
      await commit(ns, [], [recovers(wake)]);
      await committed(ns, { severity: 'warning' });
    };
    await reopen();
    expect(await due()).toBe(1);
    await someSent(ns, 1);
    await reopen();
    expect(await due()).toBe(1);
  });

  test('is escalated later by the time of a snooze', async ({ ns, logPath }) => {
    const { id, act, back } = await sent(ns, logPath, { clocks: { escalate } });
    const from = async () => Number(await ns.redis.hget(ns.keys.incident(id), 'escalateFrom'));
    const before = await from();
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedFrom');
    await back('snoozedUntil');
    await eventually(async () => (await readIncident(ns.redis, ns.keys, id))?.state === 'firing');
    expect((await from()) - before).toBeGreaterThanOrEqual(HOUR_MS);
  });
});

describe('faults of the services', () => {
  test('an edit that Slack limits for a day holds nothing up for that long', async ({ ns, logPath }) => {
    const { double, log, act } = await sent(ns, logPath);
    double.nextEdits.push(json(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '86400' }));
    await act({ kind: 'acknowledge' });
    await log.until('delivery.rate_limited');
    expect(await ns.followups.getRateLimitTtl(1)).toBeLessThanOrEqual(15 * 60_000);
  });

  test('a person who cannot be reached does not hold up the others', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['U0BAD', 'U0GOOD'] };
    const { double, back } = await sent(ns, logPath, { clocks: { escalate } });
    double.refusals.set('U0BAD', json(200, { ok: false, error: 'no_permission' }));
    await back('escalateFrom');
    await eventually(async () => {
      const { sent: done, dead } = await notices(ns);
      return done === 1 && dead === 1;
    });
    expect(double.accepted.map(({ channel }) => channel)).toContain('U0GOOD');
  });

  test('a webhook that hangs does not delay what a person did', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['webhook'] };
    const { promise: answered, resolve: answer } = Promise.withResolvers<number>();
    const { double, back } = await sent(ns, logPath, { clocks: { escalate }, callWebhook: () => answered });
    const other = await committed(ns, { category: 'other' });
    await outcomeIs(ns, other, 'diagnosis');
    await back('escalateFrom');
    await eventually(() => ns.followups.getActiveCount().then((n) => n === 1));
    await actOnIncident(ns.redis, ns.keys, incidentIdOf(other.id), { kind: 'acknowledge' }, 'ada');
    await eventually(() => double.accepted[1]?.edits.length === 1);
    answer(200);
    await someSent(ns, 1);
  });

  test('an escalation that a reopening withdrew before it was sent is made again', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['U0BOSS'] };
    const { double, id, wake, back } = await sent(ns, logPath, { clocks: { escalate } });
    await setHold(ns.redis, ns.keys, 600, 'ada');
    // The clock stands still since the hold began.
    await back('escalateFrom', 2 * HOUR_MS);
    await eventually(async () => (await notices(ns)).pending === 1);
    await commit(ns, [], [recovers(wake)]);
    await committed(ns);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await eventually(async () => (await notices(ns)).withdrawn === 1);
    expect((await readIncident(ns.redis, ns.keys, id))?.escalatedAt).toBeNull();
    await back('escalateFrom', 2 * HOUR_MS);
    await someSent(ns, 1);
    expect(double.accepted.some(({ channel }) => channel === 'U0BOSS')).toBe(true);
  });

  test('a message to others says again that it fires, and again that it is over', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['U0BOSS'] };
    const { double, wake, back } = await sent(ns, logPath, { clocks: { escalate } });
    await back('escalateFrom');
    await someSent(ns, 1);
    const theirs = double.accepted.find(({ channel }) => channel === 'U0BOSS');
    const shows = (text: string) => eventually(() => theirs?.edits.at(-1)?.text.includes(text));
    await commit(ns, [], [recovers(wake)]);
    await shows('(Recovered');
    const again = await committed(ns, { severity: 'warning' });
    await shows('(Firing');
    await commit(ns, [], [recovers(again)]);
    await shows('(Recovered');
  });

  test('a notice that somebody retries in Bull Board is sent', async ({ ns, logPath }) => {
    const { double, act, back } = await sent(ns, logPath);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    await act({ kind: 'snooze', seconds: 3_600 });
    await back('snoozedUntil');
    await eventually(async () => (await notices(ns)).dead === 1);
    const [job] = await ns.followups.getFailed();
    await job?.retry('failed');
    await someSent(ns, 1);
    expect((await notices(ns)).dead).toBe(0);
  });
});

test('without Slack the log shows a notice in a line', async ({ ns, logPath }) => {
  const { log, act, back } = await sent(ns, logPath, { isDryRun: true });
  await act({ kind: 'snooze', seconds: 3_600 });
  await back('snoozedUntil');
  await someSent(ns, 1);
  const lines = log.lines.flatMap(({ event, incident }) => (event === 'incidents.dry_run' ? [incident] : []));
  const line = expect.stringContaining('The snooze is over and this still fires');
  expect(lines).toContainEqual(expect.objectContaining({ line }));
});
