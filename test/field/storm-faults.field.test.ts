/** Storms while Slack fails, people act and alerts recover, with real workers. Each test was a fault once. */
import { setHold } from '@kora-wake/shared/store/hold';
import { actOnIncident, readIncident, runIncidentClocks } from '@kora-wake/shared/store/incidents';
import { readStorm } from '@kora-wake/shared/store/storms';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { keeping } from '../../apps/worker/test/keeping.ts';
import { account, alerts, named, outcomes, RULE, repeat, settled, stormIdOf } from '../../apps/worker/test/storming.ts';
import { diagnosis, enqueue, outcomeIs } from '../../apps/worker/test/working.ts';
import { commit, fires, recovers } from '../support/commit.ts';
import { eventually, type Namespace, test } from '../support/fixtures.ts';
import { type Answer, json, reset } from '../support/http-double.ts';

const limited: Answer = (_request, response) => {
  response.writeHead(429, { 'retry-after': '1' }).end('{}');
};
const HOUR_MS = 3_600_000;

/** Lets a digest be sent anew for critical alerts. */
const laterThanFiveMinutes = (ns: Namespace, wakes: Wake[]) =>
  ns.redis.hincrby(ns.keys.incident(stormIdOf(wakes.at(-1))), 'notifiedAt', -300_000);
/** Moves a time of a storm and of its members into the past. */
async function back(ns: Namespace, wakes: Wake[], field: string): Promise<void> {
  for (const id of [stormIdOf(wakes.at(-1)), ...wakes.map((wake) => incidentIdOf(wake.id))]) {
    if (await ns.redis.hexists(ns.keys.incident(id), field)) {
      await ns.redis.hincrby(ns.keys.incident(id), field, -HOUR_MS);
    }
  }
}

describe('a digest', () => {
  test('whose post Slack did not get is sent', async ({ ns, logPath }) => {
    const { double, clock } = await keeping(ns, logPath);
    double.next.push(reset);
    await alerts(ns, 9);
    await eventually(() => double.next.length === 0);
    clock.aheadMs += 60_000;
    await settled(ns);
    expect(await account(ns)).toMatchObject({ outcomes: { digest: 9 }, notices: { sent: 1, withdrawn: 0 } });
  });

  test('that is tried again and again names no more than fits', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    for (let i = 0; i < 3; i++) double.next.push(limited);
    await alerts(ns, 200, { probe: 'a-probe-with-a-rather-long-name-behind-a-load-balancer-in-frankfurt' });
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 200, dead: 0 });
    for (const { text } of double.accepted) expect(text.length).toBeLessThanOrEqual(3_900);
  });

  test('that waits for a hold does not keep a critical alert waiting', async ({ ns, logPath }) => {
    await setHold(ns.redis, ns.keys, 3_600, 'ada');
    const { double } = await keeping(ns, logPath);
    await alerts(ns, 9);
    await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 1);
    const [critical] = await alerts(ns, 1, { severity: 'critical' });
    await eventually(() => double.accepted.length > 0);
    expect(named([double.accepted[0]?.text ?? ''], [critical as Wake])).toHaveLength(1);
    await setHold(ns.redis, ns.keys, 0, 'ada');
    await settled(ns);
    expect(await account(ns)).toMatchObject({ outcomes: { digest: 10 }, notices: { withdrawn: 1 } });
  });

  test('is sent anew for a critical alert that joined before its lost answer was looked up', async ({
    ns,
    logPath,
  }) => {
    const { double, clock } = await keeping(ns, logPath);
    double.next.push(double.acceptThen(reset));
    const wakes = await alerts(ns, 8);
    await eventually(() => double.accepted.length === 1);
    await alerts(ns, 1, { severity: 'critical' });
    clock.aheadMs += 60_000;
    await settled(ns);
    await laterThanFiveMinutes(ns, wakes);
    await eventually(() => double.accepted.filter(({ thread }) => thread === undefined).length === 2);
  });

  test('that Slack refuses is one dead letter, not one at each look', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    double.refusals.set('U0OPERATOR', json(200, { ok: false, error: 'channel_not_found' }));
    await alerts(ns, 1, { severity: 'critical' });
    await settled(ns);
    await laterThanFiveMinutes(ns, wakes);
    const dead = async () => (await account(ns)).notices.dead;
    await eventually(async () => (await dead()) > 0);
    for (let i = 0; i < 3; i++) await runIncidentClocks(ns.redis, ns.keys, { remindMs: 0 });
    expect((await account(ns)).notices).toMatchObject({ dead: 1, pending: 0 });
  });

  test('that a person deleted is sent again before a wake ends by it', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    await ns.redis.hset(ns.keys.incident(stormIdOf(wakes.at(-1))), 'state', 'acknowledged');
    for (const message of double.accepted) message.isDeleted = true;
    const again = await repeat(ns, wakes[0] as Wake, 'w-again');
    await outcomeIs(ns, again, 'digest');
    expect(double.accepted).toHaveLength(2);
  });
});

describe('a reply', () => {
  test('whose answer was lost stays in its thread, although a newer digest was sent', async ({ ns, logPath }) => {
    const { double, clock } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    double.next.push(double.acceptThen(reset));
    const [reply] = await alerts(ns, 1);
    await eventually(() => double.accepted.length === 2);
    await laterThanFiveMinutes(ns, wakes);
    await alerts(ns, 1, { severity: 'critical' });
    await eventually(() => double.accepted.filter(({ thread }) => thread === undefined).length === 2);
    clock.aheadMs += 60_000;
    await settled(ns);
    const replies = double.accepted.filter(({ thread }) => thread !== undefined);
    expect(replies.filter(({ text }) => named([text], [reply as Wake]).length > 0)).toHaveLength(1);
  });
});

describe('people', () => {
  test('who snoozed a storm get one message at its end, also if a critical alert has joined since', async ({
    ns,
    logPath,
  }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 12);
    await settled(ns);
    await actOnIncident(ns.redis, ns.keys, stormIdOf(wakes.at(-1)), { kind: 'snooze', seconds: 3_600 }, 'ada');
    await alerts(ns, 1, { severity: 'critical' });
    await settled(ns);
    await back(ns, wakes, 'snoozedUntil');
    const ends = () => double.accepted.filter(({ text }) => text.includes('The snooze is over'));
    await eventually(() => ends().length > 0);
    await settled(ns);
    expect(ends()).toHaveLength(1);
  });

  test('acknowledge again what joined after they did', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const acknowledge = () => actOnIncident(ns.redis, ns.keys, stormIdOf(wakes.at(-1)), { kind: 'acknowledge' }, 'ada');
    expect(await acknowledge()).toBe('done');
    const [late] = await alerts(ns, 1);
    await settled(ns);
    expect(await acknowledge()).toBe('done');
    expect(await readIncident(ns.redis, ns.keys, incidentIdOf((late as Wake).id))).toMatchObject({
      state: 'acknowledged',
    });
    expect(await acknowledge()).toBe('unchanged');
  });

  test('are escalated to once, although members recover and fire again', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['UOTHER'] };
    const { double } = await keeping(ns, logPath, { clocks: { escalate } });
    const wakes = await alerts(ns, 8, { severity: 'critical' });
    await settled(ns);
    for (const [i, wake] of wakes.slice(0, 3).entries()) {
      await commit(ns, [], [recovers(wake)]);
      await repeat(ns, wake, `w-again-${i}`);
    }
    await settled(ns);
    await back(ns, wakes, 'escalateFrom');
    await eventually(() => double.accepted.some(({ channel }) => channel === 'UOTHER'));
    await settled(ns);
    expect(double.accepted.filter(({ channel }) => channel === 'UOTHER')).toHaveLength(1);
  });

  test('are escalated to although the digest of the operator failed', async ({ ns, logPath }) => {
    const escalate = { afterMs: HOUR_MS, severities: ['critical'], to: ['UOTHER'] };
    const { double } = await keeping(ns, logPath, { clocks: { escalate } });
    double.refusals.set('U0OPERATOR', json(200, { ok: false, error: 'channel_not_found' }));
    const wakes = await alerts(ns, 120, { severity: 'critical', probe: 'a-probe-with-a-rather-long-name' });
    await settled(ns);
    await back(ns, wakes, 'escalateFrom');
    await eventually(() => double.accepted.some(({ channel }) => channel === 'UOTHER'));
  });
});

describe('a storm', () => {
  test('that was over notifies again if another alert joins it', async ({ ns, logPath }) => {
    const { double } = await keeping(ns, logPath);
    const wakes = await alerts(ns, 8);
    await settled(ns);
    await commit(ns, [], wakes.map(recovers));
    await eventually(() => double.accepted[0]?.edits.at(-1)?.text.includes('8 over') ?? false);
    await laterThanFiveMinutes(ns, wakes);
    const [next] = await alerts(ns, 1);
    await settled(ns);
    expect(double.accepted).toHaveLength(2);
    expect(named([double.accepted[1]?.text ?? ''], [next as Wake])).toHaveLength(1);
  });

  test('whose alerts have all recovered in the same batch is over at once', async ({ ns, logPath }) => {
    await keeping(ns, logPath);
    const wakes: Wake[] = [];
    for (let i = 0; i < 9; i++) wakes.push(await enqueue(ns, { severity: 'critical' }));
    await commit(ns, wakes, [...wakes.map((wake) => fires(wake)), ...wakes.map(recovers)], RULE);
    await settled(ns);
    expect(await outcomes(ns)).toMatchObject({ digest: 9 });
    expect(await readStorm(ns.redis, ns.keys, stormIdOf(wakes.at(-1)))).toMatchObject({ state: 'closed' });
  });

  test('never shows the diagnosis of one alert as that of all, and no later alert repeats that of all', async ({
    ns,
    logPath,
  }) => {
    const engine = {
      investigations: 0,
      investigate: async (wake: Wake, _signal: AbortSignal, storm?: string) => {
        engine.investigations++;
        return { ...diagnosis, text: storm === undefined ? `Only ${wake.category}.` : 'The router is down.' };
      },
    };
    const { double } = await keeping(ns, logPath, { engine, isOnChange: () => true });
    const [own] = await alerts(ns, 1);
    await outcomeIs(ns, own as Wake, 'diagnosis');
    await ns.redis.del(ns.keys.recentPairs);
    for (let i = 0; i < 6; i++) double.next.push(limited);
    const wakes = await alerts(ns, 7);
    await eventually(() => engine.investigations === 8);
    await repeat(ns, own as Wake, 'w-own-again');
    await settled(ns);
    const digest = double.accepted.find(({ text }) => text.includes('Alert storm'));
    expect(digest?.text).not.toMatch(/Only |being investigated/);
    await ns.redis.del(ns.keys.currentStorm, ns.keys.recentPairs);
    const second = await alerts(ns, 8);
    const leader = second.at(-1) as Wake;
    await eventually(async () => (await readWakeRecord(ns.redis, ns.keys, leader.id))?.report?.storm ?? false);
    await ns.redis.del(ns.keys.currentStorm, ns.keys.recentPairs);
    const later = await repeat(ns, leader, 'w-later');
    await outcomeIs(ns, later, 'diagnosis');
    expect(wakes).toHaveLength(7);
    expect(double.accepted.at(-1)?.text).toContain(`Only ${leader.category}.`);
  });
});

test('the digest of a hold collects alerts of incidents that were reopened during a hold, and their older messages say so', async ({
  ns,
  logPath,
}) => {
  const escalate = { afterMs: 3_600_000, severities: ['warning'], to: ['UOTHER'] };
  const { double } = await keeping(ns, logPath, { clocks: { escalate } });
  const wakes = await alerts(ns, 9, {}, { pairs: 100, withinMs: 1 });
  await settled(ns);
  await ns.redis.hincrby(ns.keys.incident(incidentIdOf(wakes[0]?.id ?? '')), 'escalateFrom', -3_600_000);
  const toOther = await eventually(() => double.accepted.find(({ channel }) => channel === 'UOTHER'));
  await settled(ns);
  await commit(ns, [], wakes.map(recovers));
  await setHold(ns.redis, ns.keys, 60, 'ada');
  for (const wake of wakes) {
    // Otherwise each waits for the end of the window of its last message.
    await ns.redis.hincrby(ns.keys.incident(incidentIdOf(wake.id)), 'notifiedAt', -600_000);
    await repeat(ns, wake, `${wake.id}-again`);
  }
  await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 9);
  await setHold(ns.redis, ns.keys, 0, 'ada');
  await settled(ns);
  expect(await outcomes(ns)).toMatchObject({ digest: 9, diagnosis: 9 });
  expect(double.accepted).toHaveLength(11);
  expect(named([double.accepted[10]?.text ?? ''], wakes)).toHaveLength(9);
  const older = double.accepted.slice(0, 9);
  await eventually(() => older.every(({ edits }) => edits.at(-1)?.text.includes('A newer message')));
  const storm = double.accepted[10]?.ts;
  for (const { id } of wakes) {
    expect(await readIncident(ns.redis, ns.keys, incidentIdOf(id))).toMatchObject({ message: { ts: storm } });
  }
  await eventually(() => toOther.edits.at(-1)?.text.includes('Firing since'));
  await eventually(async () => (await ns.redis.zcard(ns.keys.changedIncidents)) === 0);
  await commit(ns, [], wakes.map(recovers));
  await eventually(() => toOther.edits.at(-1)?.text.includes('Recovered'));
});

test('several alerts of one pair that waited for a hold are no storm', async ({ ns, logPath }) => {
  await keeping(ns, logPath);
  await setHold(ns.redis, ns.keys, 60, 'ada');
  const [wake] = await alerts(ns, 1, {}, { pairs: 100, withinMs: 1 });
  for (let i = 1; i < 9; i++) await repeat(ns, wake as Wake, `${wake?.id}-${i}`);
  await eventually(async () => (await ns.redis.scard(ns.keys.heldJobs)) === 9);
  await setHold(ns.redis, ns.keys, 0, 'ada');
  await settled(ns);
  expect(await outcomes(ns)).toMatchObject({ digest: 0, diagnosis: 9 });
});
