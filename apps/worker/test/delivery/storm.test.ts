/** Storms: alerts of many pairs at once become one digest, whose members are accounted for one by one. */
import { recordClicksTaken } from '@kora-wake/shared/store/clicks';
import { setHold } from '@kora-wake/shared/store/hold';
import { actOnIncident, readIncident, recordFeedback, runIncidentClocks } from '@kora-wake/shared/store/incidents';
import { reopenNotice } from '@kora-wake/shared/store/notices';
import { readStorm } from '@kora-wake/shared/store/storms';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, test } from '../../../../test/support/fixtures.ts';
import { json, reset } from '../../../../test/support/http-double.ts';
import { keeping } from '../keeping.ts';
import { account, alerts, named, outcomes, RULE, repeat, settled, stormIdOf } from '../storming.ts';
import { enqueue, outcomeIs } from '../working.ts';

describe('a storm', () => {
  test('is one digest that names each alert, and one investigation; each wake ends as digest', async ({
    ns,
    logPath,
  }) => {
    await recordClicksTaken(ns.redis, ns.keys);
    const { double, engine } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 12);
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 12, diagnosis: 0, dead: 0 });
    expect(double.accepted).toHaveLength(1);
    const [digest] = double.accepted;
    expect(digest?.text).toMatch(/^⚠️ Alert storm · 12 alerts\n/);
    expect(named([digest?.text ?? ''], wakes)).toHaveLength(12);
    expect(JSON.stringify(digest?.blocks)).toContain(`"value":"${stormIdOf(wakes.at(-1))}"`);
    // The investigation is that of the storm, and its result is added to the message.
    await eventually(() => digest?.edits.at(-1)?.text.includes('Next step'));
    expect(engine.investigations).toBe(1);
    expect(await readIncident(ns.redis, ns.keys, incidentIdOf(wakes[0]?.id ?? ''))).toMatchObject({
      state: 'firing',
      message: { ts: digest?.ts },
      stormId: stormIdOf(wakes.at(-1)),
    });
  });

  test('takes the wakes before it that are not sent yet, and leaves those with a message alone', async ({
    ns,
    logPath,
  }) => {
    const { double } = await keeping(ns, logPath);
    const [first] = await alerts(ns, 1);
    await outcomeIs(ns, first as Wake, 'diagnosis');
    await alerts(ns, 6);
    const last = await alerts(ns, 1);
    await settled(ns);
    const { digest, diagnosis } = await outcomes(ns);
    expect(digest + diagnosis).toBe(8);
    expect(diagnosis).toBeLessThan(8);
    const texts = double.accepted.map(({ text }) => text);
    expect(named(texts, last)).toHaveLength(1);
    expect(named(texts, [first as Wake])).toHaveLength(0);
    await outcomeIs(ns, await repeat(ns, first as Wake, 'w-first-again'), 'diagnosis');
  });

  test('with more names than fit has replies in its thread, which name the others', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 150, { probe: 'a-probe-with-a-rather-long-name-behind-a-load-balancer' });
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 150 });
    const [digest, ...replies] = double.accepted;
    expect(replies.length).toBeGreaterThan(2);
    expect(replies.every(({ thread }) => thread === digest?.ts)).toBe(true);
    expect(
      named(
        double.accepted.map(({ text }) => text),
        wakes,
      ),
    ).toHaveLength(150);
    for (const { text } of double.accepted) expect(text.length).toBeLessThanOrEqual(3_900);
  });

  test('grows: further pairs are added to its last reply, and a pair that it names is not named twice', async ({
    ns,
    logPath,
  }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const more = await alerts(ns, 1);
    await settled(ns);
    const again = await alerts(ns, 2);
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 11 });
    expect(double.accepted).toHaveLength(2);
    const [digest, reply] = double.accepted;
    const texts = (message = digest) => [message?.text ?? '', ...(message?.edits ?? []).map(({ text }) => text)];
    expect(named(texts(), wakes)).toHaveLength(8);
    expect(named(texts(reply), [...more, ...again])).toHaveLength(3);
    await eventually(() => digest?.edits.at(-1)?.text.includes('11 alerts'));
    // A further wake of a member changes the digest only.
    const [member] = wakes;
    await repeat(ns, member as Wake, 'w-again');
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 12 });
    expect(double.accepted).toHaveLength(2);
  });

  test('keeps its digest if a member was repeated in the commit with which it joined', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    await alerts(ns, 8);
    await settled(ns);
    // A critical alert has the digest edited before the alert's own incident is looked at.
    const wake = await enqueue(ns, { severity: 'critical' });
    const repeats = Array.from({ length: 5 }, () => fires(wake, false));
    await commit(ns, [wake], [fires(wake), ...repeats], RULE);
    await settled(ns);
    await eventually(async () => (await ns.redis.zcard(ns.keys.changedIncidents)) === 0);
    const [digest, reply] = double.accepted;
    expect(named([reply?.text ?? ''], [wake])).toHaveLength(1);
    for (const { text } of digest?.edits ?? []) expect(text).toMatch(/^(⚠️|🚨) Alert storm · [89] alerts/);
  });

  test('is not begun by test alerts, and does not swallow one', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const drill = (number: number) => {
      const category = `test-0000000${number}`;
      return enqueue(ns, { id: `w-${category}`, probe: 'kora-wake', category, severity: 'info' });
    };
    const commitDrill = async (wake: Wake) => commit(ns, [wake], [fires(wake)], RULE);
    const drills = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(drill));
    for (const wake of drills) await commitDrill(wake);
    const [real] = await alerts(ns, 1, { severity: 'critical' });
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ diagnosis: 8, digest: 0 });
    expect(double.accepted).toHaveLength(8);
    await alerts(ns, 8);
    const last = await drill(8);
    await commitDrill(last);
    await settled(ns);
    await outcomeIs(ns, last, 'diagnosis');
    await outcomeIs(ns, real as Wake, 'diagnosis');
  });

  test('is sent anew for a critical alert, at most once in five minutes', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const [critical] = await alerts(ns, 1, { severity: 'critical' });
    await settled(ns);
    expect(double.accepted).toHaveLength(2);
    expect(double.accepted[1]?.thread).toBe(double.accepted[0]?.ts);
    await ns.redis.hincrby(ns.keys.incident(stormIdOf(wakes.at(-1))), 'notifiedAt', -300_000);
    await eventually(() => double.accepted.length === 3);
    await settled(ns);
    const digest = double.accepted[2];
    expect(digest).toMatchObject({
      thread: undefined,
      text: expect.stringMatching(/^🚨 Alert storm · 9 alerts, 1 critical/),
    });
    expect(named([digest?.text ?? ''], [critical as Wake])).toHaveLength(1);
    await eventually(() => double.accepted[0]?.edits.at(-1)?.text.includes('A newer message'));
  });

  test('that nobody must see any more is withdrawn, and a recovered alert in it too', async ({ ns, logPath }) => {
    await setHold(ns.redis, ns.keys, 60, 'ada');
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 9);
    await eventually(async () => (await account(ns)).notices.pending === 1);
    const [back, ...others] = wakes;
    await commit(ns, [], [recovers(back as Wake)]);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 8, withdrawn: 1 });
    expect(named([double.accepted[0]?.text ?? ''], others)).toHaveLength(8);
    await commit(ns, [], others.map(recovers));
    await eventually(() => /✅|Over /.test(double.accepted[0]?.edits.at(-1)?.text ?? ''));
    expect(await readStorm(ns.redis, ns.keys, stormIdOf(wakes.at(-1)))).toMatchObject({ state: 'closed' });
  });

  test('in a dry run prints its digest, and each wake ends as dry_run', async ({ ns, logPath }) => {
    const { log } = await keeping(ns, logPath, { isDryRun: true });
    const wakes = await alerts(ns, 20);
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ dry_run: 20 });
    const printed = log.lines.find(({ event }) => event === 'delivery.dry_run');
    expect(named([JSON.stringify(printed).replaceAll('\\n', '\n')], wakes)).toHaveLength(20);
  });
});

describe('people', () => {
  test('act on each member with the buttons of the digest, and an acknowledged member stays quiet', async ({
    ns,
    logPath,
  }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const id = stormIdOf(wakes.at(-1));
    expect(await actOnIncident(ns.redis, ns.keys, id, { kind: 'acknowledge' }, 'ada')).toBe('done');
    expect(await actOnIncident(ns.redis, ns.keys, id, { kind: 'acknowledge' }, 'ada')).toBe('unchanged');
    for (const wake of wakes) {
      const incident = await readIncident(ns.redis, ns.keys, incidentIdOf(wake.id));
      expect(incident).toMatchObject({ state: 'acknowledged', by: 'ada' });
    }
    await eventually(() => double.accepted[0]?.edits.at(-1)?.text.includes('Acknowledged by ada'));
    await outcomeIs(ns, await repeat(ns, wakes[0] as Wake, 'w-quiet'), 'joined');
    expect(await actOnIncident(ns.redis, ns.keys, id, { kind: 'resolve' }, 'ada')).toBe('done');
    await eventually(() => double.accepted[0]?.edits.at(-1)?.text.includes('8 over'));
    expect(await actOnIncident(ns.redis, ns.keys, id, { kind: 'resolve' }, 'ada')).toBe('closed');
    expect(await account(ns)).toMatchObject({ incidents: { open: 0, closed: { resolved: 8 } }, unaccounted: 0 });
  });

  test('judge its diagnosis, which is stored with the wake that was investigated', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    const leader = (await alerts(ns, 8)).at(-1) as Wake;
    await eventually(async () => (await readWakeRecord(ns.redis, ns.keys, leader.id))?.report ?? false);
    const feedback = { verdict: 'right', by: 'ada' } as const;
    expect(await recordFeedback(ns.redis, ns.keys, stormIdOf(leader), feedback)).toBe('done');
    expect((await readWakeRecord(ns.redis, ns.keys, leader.id))?.feedback).toMatchObject(feedback);
  });

  test('are reminded, and told of the end of a snooze, once for all members', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const id = stormIdOf(wakes.at(-1));
    await actOnIncident(ns.redis, ns.keys, id, { kind: 'snooze', seconds: 3_600 }, 'ada');
    for (const each of [id, ...wakes.map((wake) => incidentIdOf(wake.id))]) {
      await ns.redis.hincrby(ns.keys.incident(each), 'snoozedUntil', -3_600_000);
    }
    await eventually(() => double.accepted.length === 2);
    await settled(ns);
    expect(double.accepted[1]?.text).toContain('(The snooze is over and this still fires');
    expect(named([double.accepted[1]?.text ?? ''], wakes)).toHaveLength(8);
    await actOnIncident(ns.redis, ns.keys, id, { kind: 'acknowledge' }, 'ada');
    for (const each of [id, ...wakes.map((wake) => incidentIdOf(wake.id))]) {
      await ns.redis.hincrby(ns.keys.incident(each), 'remindFrom', -3_600_000);
    }
    await eventually(() => double.accepted.length === 3);
    await settled(ns);
    expect(double.accepted).toHaveLength(3);
  });

  test('are escalated to once for the storm as a whole', async ({ ns, logPath }) => {
    const escalate = { afterMs: 3_600_000, severities: ['critical'], to: ['UOTHER'] };
    const { double } = await keeping(ns, logPath, { clocks: { escalate } });
    const wakes = await alerts(ns, 8, { severity: 'critical' });
    await settled(ns);
    await ns.redis.hincrby(ns.keys.incident(stormIdOf(wakes.at(-1))), 'escalateFrom', -3_600_000);
    await eventually(() => double.accepted.some(({ channel }) => channel === 'UOTHER'));
    await settled(ns);
    expect(double.accepted.filter(({ channel }) => channel === 'UOTHER')).toHaveLength(1);
  });

  test('can acknowledge the members one by one: the storm is not escalated, and has reminders', async ({
    ns,
    logPath,
  }) => {
    const escalate = { afterMs: 3_600_000, severities: ['critical'], to: ['UOTHER'] };
    const { double } = await keeping(ns, logPath, { clocks: { escalate } });
    const wakes = await alerts(ns, 8, { severity: 'critical' });
    await settled(ns);
    const storm = ns.keys.incident(stormIdOf(wakes.at(-1)));
    await ns.redis.hset(storm, 'escalateFrom', 1e15);
    for (const { id } of wakes) {
      await actOnIncident(ns.redis, ns.keys, incidentIdOf(id), { kind: 'acknowledge' }, 'ada');
    }
    await ns.redis.hset(storm, 'escalateFrom', 1);
    await eventually(async () => (await ns.redis.hget(storm, 'state')) === 'acknowledged');
    await ns.redis.hincrby(storm, 'remindFrom', -3_600_000);
    await eventually(() => double.accepted.length === 2);
    await settled(ns);
    expect(double.accepted.map(({ channel }) => channel)).not.toContain('UOTHER');
    expect(double.accepted[1]?.text).toContain('acknowledged by ada');
  });

  test('escalate a storm only while one of its firing alerts has the severity', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    const wakes = [...(await alerts(ns, 7)), ...(await alerts(ns, 1, { severity: 'critical' }))];
    await settled(ns);
    const storm = ns.keys.incident(stormIdOf(wakes.at(-1)));
    await ns.redis.hset(storm, 'escalateFrom', 1);
    const escalations = async () => {
      const escalate = { afterMs: 1, severities: ['critical'], to: ['UOTHER'] };
      await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0, escalate });
      return (await ns.redis.hgetall(storm)).escalateFrom === undefined;
    };
    await actOnIncident(ns.redis, ns.keys, incidentIdOf(wakes.at(-1)?.id ?? ''), { kind: 'resolve' }, 'ada');
    expect(await escalations()).toBe(false);
    await alerts(ns, 1, { severity: 'critical' });
    expect(await escalations()).toBe(true);
  });

  test('are notified if the snooze of one member ends while the storm is acknowledged', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8, { severity: 'critical' });
    await settled(ns);
    await actOnIncident(ns.redis, ns.keys, stormIdOf(wakes.at(-1)), { kind: 'acknowledge' }, 'ada');
    const member = incidentIdOf(wakes[0]?.id ?? '');
    await actOnIncident(ns.redis, ns.keys, member, { kind: 'snooze', seconds: 3_600 }, 'ada');
    await ns.redis.hincrby(ns.keys.incident(member), 'snoozedUntil', -3_600_000);
    await eventually(() => double.accepted.length === 2);
    await settled(ns);
    expect(double.accepted[1]?.text).toContain('(The snooze is over and this still fires');
  });

  test('cannot act with a click on members that they did not know', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const [back] = wakes;
    const beforeReopening = { id: 'click-1', at: Date.now() - 1 };
    await commit(ns, [], [recovers(back as Wake)]);
    await repeat(ns, back as Wake, 'w-reopened');
    await ns.followups.pause();
    const [unnamed] = await alerts(ns, 1, { severity: 'critical' });
    const storm = stormIdOf(wakes.at(-1));
    const stateOf = async (wake?: Wake) => (await readIncident(ns.redis, ns.keys, incidentIdOf(wake?.id ?? '')))?.state;
    expect(await actOnIncident(ns.redis, ns.keys, storm, { kind: 'resolve' }, 'ada', beforeReopening)).toBe('done');
    expect([await stateOf(back), await stateOf(wakes[1])]).toEqual(['firing', 'closed']);
    const now = { id: 'click-2', at: Date.now() + 1_000 };
    expect(await actOnIncident(ns.redis, ns.keys, storm, { kind: 'resolve' }, 'ada', now)).toBe('done');
    await ns.followups.resume();
    await settled(ns);
    expect([await stateOf(back), await stateOf(wakes[1]), await stateOf(unnamed)]).toEqual([
      'closed',
      'closed',
      'firing',
    ]);
  });
});

describe('a digest', () => {
  test('that Slack refuses makes a dead letter of each wake, and one retry sends it for all', async ({
    ns,
    logPath,
  }) => {
    const { double } = await keeping(ns, logPath);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    const wakes = await alerts(ns, 9);
    await settled(ns);
    expect(await account(ns)).toMatchObject({ outcomes: { dead: 9, digest: 0 }, notices: { dead: 1 } });
    const [job] = await ns.followups.getFailed();
    await job?.retry();
    await reopenNotice(ns.redis, ns.keys, job?.id ?? '', Date.now());
    await settled(ns);
    expect(await account(ns)).toMatchObject({ outcomes: { dead: 0, digest: 9 }, notices: { dead: 0 } });
    expect(named([double.accepted[0]?.text ?? ''], wakes)).toHaveLength(9);
  });

  test('whose answer was lost is looked up, also a reply in its thread, and not sent again', async ({
    ns,
    logPath,
  }) => {
    const { double, clock } = await keeping(ns, logPath);
    double.next.push(double.acceptThen(reset));
    await alerts(ns, 8);
    await eventually(() => double.accepted.length === 1);
    clock.aheadMs += 60_000;
    await settled(ns);
    double.next.push(double.acceptThen(reset));
    await alerts(ns, 1);
    await eventually(() => double.accepted.length === 2);
    clock.aheadMs += 60_000;
    await settled(ns);
    expect(double.accepted).toHaveLength(2);
    expect(await outcomes(ns)).toMatchObject({ digest: 9 });
  });

  test('collects more than eight alerts that waited for a hold; fewer are sent one by one', async ({ ns, logPath }) => {
    const { double, engine } = await keeping(ns, logPath);
    await setHold(ns.redis, ns.keys, 60, 'ada');
    const wakes = await alerts(ns, 9, {}, { pairs: 100, withinMs: 1 });
    await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 9);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 9 });
    expect(double.accepted).toHaveLength(1);
    expect(double.accepted[0]?.text).toContain('9 alerts came during the hold');
    expect(named([double.accepted[0]?.text ?? ''], wakes)).toHaveLength(9);
    expect(engine.investigations).toBe(9);
    await setHold(ns.redis, ns.keys, 60, 'ada');
    await alerts(ns, 2, {}, { pairs: 100, withinMs: 1 });
    await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 2);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 9, diagnosis: 2 });
  });
});
