/** Wakes under `reinvestigate: on_change`: one that repeats the last investigated wake of its incident is sent with that diagnosis. */
import { readAccount } from '@kora-wake/shared/store/account';
import { setHold } from '@kora-wake/shared/store/hold';
import { actOnIncident, recordFeedback } from '@kora-wake/shared/store/incidents';
import { deliverJobId } from '@kora-wake/shared/store/queues';
import { claimInvestigation, readShownFeedback, readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import { utcText } from '@kora-wake/shared/wake/message';
import { fallbackReport, isRepeated, NO_USAGE } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { DIAGNOSIS } from '../../../../test/support/anthropic.ts';
import { commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, type Namespace, rowsOf, test, testLog } from '../../../../test/support/fixtures.ts';
import { json } from '../../../../test/support/http-double.ts';
import { sweep } from '../../src/repair/sweeper.ts';
import { committed, keeping, type Options, sent } from '../keeping.ts';
import { diagnosis, engineOf, enqueue, outcomeIs } from '../working.ts';

const onChange = { isOnChange: () => true };
const start = (ns: Namespace, logPath: string, options: Options = {}, more: Partial<Wake> = {}) =>
  sent(ns, logPath, { ...onChange, ...options }, more);

const recordOf = async (ns: Namespace, { id }: Wake) => {
  const record = await readWakeRecord(ns.redis, ns.keys, id);
  if (!record) throw new Error(`no record of ${id}`);
  return record;
};

const completed = (logPath: string, { id }: Wake) =>
  rowsOf(logPath).filter(({ seam, details }) => seam === 'probe.investigation_completed' && details.wake_id === id);

/** An engine that ends the investigations which `holds` names only after `finish` is called. */
function heldEngine(engine = engineOf(diagnosis), holds = (_wake: Wake) => true) {
  const gate = Promise.withResolvers<void>();
  const investigate: typeof engine.investigate = async (...args) => {
    const report = await engine.investigate(...args);
    if (holds(args[0])) await gate.promise;
    return report;
  };
  return { engine, held: Object.assign(Object.create(engine), { investigate }) as typeof engine, finish: gate.resolve };
}

describe('a wake of an open incident in which nothing has changed', () => {
  test('is sent with the earlier diagnosis, without an investigation', async ({ ns, logPath }) => {
    const { double, engine, wake: first, id } = await start(ns, logPath);
    await ns.redis.set(ns.keys.clicksTaken, 1);
    const second = await committed(ns);
    await outcomeIs(ns, second, 'unchanged');
    expect([engine.investigations, double.accepted.length]).toEqual([1, 2]);

    const { investigatedAt } = await recordOf(ns, first);
    const since = Number(await ns.redis.hget(ns.keys.incident(id), 'startedAt'));
    const sentence = `Still failing since ${utcText(since)}; nothing has changed, so the diagnosis of ${utcText(investigatedAt ?? 0)} is repeated.`;
    expect(double.accepted[1]).toMatchObject({
      wakeId: second.id,
      text: `🚨 Probe alert · fly\n${sentence}\n\n${DIAGNOSIS}`,
    });
    const blocks = JSON.stringify(double.accepted[1]?.blocks);
    expect(blocks).toContain('"text":"Still failing since "');
    expect(blocks).toContain(`"type":"date","timestamp":${Math.floor(since / 1_000)}`);
    expect(blocks).toContain('"action_id":"acknowledge"');
    expect(blocks).toContain('"action_id":"feedback_wrong"');

    const record = await recordOf(ns, second);
    expect(record).toMatchObject({ dmStatus: 'sent', investigatedAt: null });
    expect(isRepeated(record.report) && record.report.repeats).toEqual({ wakeId: first.id, at: investigatedAt, since });
    expect(record.report).toMatchObject({ model: null, usage: NO_USAGE, costUsd: 0, durationMs: 0, calls: [] });
    await eventually(() => completed(logPath, second).length === 1);
    expect(completed(logPath, second)[0]?.details).toMatchObject({
      model_used: null,
      input_tokens: 0,
      output_tokens: 0,
      total_cost_usd: 0,
      investigation_duration_ms: 0,
      investigation_summary_text: `${sentence}\n\n${DIAGNOSIS}`,
      dm_status: 'sent',
    });
    expect(await getWindow(ns, second.probe, second.category)).toMatchObject({ wakeId: second.id });
    expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ outcomes: { diagnosis: 1, unchanged: 1, dead: 0 } });
  });

  test('repeats the wake that was investigated, not another repeating one', async ({ ns, logPath }) => {
    const { engine, wake: first } = await start(ns, logPath);
    for (let n = 0; n < 2; n++) {
      const next = await committed(ns);
      await outcomeIs(ns, next, 'unchanged');
      expect((await recordOf(ns, next)).report).toMatchObject({ repeats: { wakeId: first.id } });
    }
    expect(engine.investigations).toBe(1);
  });

  test('is investigated if the policy does not say otherwise', async ({ ns, logPath }) => {
    const { engine } = await sent(ns, logPath);
    await outcomeIs(ns, await committed(ns), 'diagnosis');
    expect(engine.investigations).toBe(2);
  });

  test('is investigated if the earlier investigation failed', async ({ ns, logPath }) => {
    const engine = engineOf(fallbackReport('sdk_5xx'), diagnosis);
    await keeping(ns, logPath, { ...onChange, engine });
    await outcomeIs(ns, await committed(ns), 'fallback');
    await outcomeIs(ns, await committed(ns), 'diagnosis');
    await outcomeIs(ns, await committed(ns), 'unchanged');
    expect(engine.investigations).toBe(2);
  });

  test('repeats the diagnosis of a wake that Slack refused', async ({ ns, logPath }) => {
    const { double, engine } = await keeping(ns, logPath, onChange);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    await outcomeIs(ns, await committed(ns), 'dead');
    await outcomeIs(ns, await committed(ns), 'unchanged');
    expect([engine.investigations, double.accepted.length]).toEqual([1, 1]);
  });

  test('is printed in a dry run', async ({ ns, logPath }) => {
    const { engine, log } = await start(ns, logPath, { isDryRun: true });
    const second = await committed(ns);
    await outcomeIs(ns, second, 'dry_run');
    expect(engine.investigations).toBe(1);
    const printed = log.lines.filter(({ event }) => event === 'delivery.dry_run').map(({ dm }) => JSON.stringify(dm));
    expect(printed.map((dm) => dm.includes('Still failing since'))).toEqual([false, true]);
  });
});

describe('a wake is investigated again', () => {
  test('if its incident is over and a person retries it', async ({ ns, logPath }) => {
    const { engine, wake } = await start(ns, logPath);
    await ns.queue.pause();
    const second = await committed(ns);
    await commit(ns, [], [recovers(wake)]);
    await ns.redis.hset(ns.keys.wake(second.id), 'retriedAt', Date.now());
    await ns.queue.resume();
    await outcomeIs(ns, second, 'diagnosis');
    expect(engine.investigations).toBe(2);
  });

  test('after one whose stored report cannot be read', async ({ ns, logPath }) => {
    const { engine, wake } = await start(ns, logPath);
    await ns.redis.hset(ns.keys.wake(wake.id), 'report', '{"kind":"diagnosis"}');
    await outcomeIs(ns, await committed(ns), 'diagnosis');
    expect(engine.investigations).toBe(2);
  });

  const long = 'x'.repeat(9_000);

  test.for<[string, Partial<Wake>]>([
    ['severity', { severity: 'warning' }],
    ['title', { title: 'Fly app(s) unreachable: HTTP 503' }],
    ['detail, after the part that is stored', { detail: `${long}!` }],
  ])('if its %s has changed', async ([, changed], { ns, logPath }) => {
    const { engine } = await start(ns, logPath, {}, { detail: long });
    await outcomeIs(ns, await committed(ns, { detail: long, ...changed }), 'diagnosis');
    expect(engine.investigations).toBe(2);
    // The last one that was investigated counts, not the first.
    await outcomeIs(ns, await committed(ns, { detail: long, ...changed }), 'unchanged');
    await outcomeIs(ns, await committed(ns, { detail: long }), 'diagnosis');
    expect(engine.investigations).toBe(3);
  });

  test('if its incident is another one', async ({ ns, logPath }) => {
    const { engine, wake, id } = await start(ns, logPath);
    await commit(ns, [], [recovers(wake)]);
    await ns.redis.hset(ns.keys.incident(id), 'closedAt', Date.now() - 3_600_000);
    await outcomeIs(ns, await committed(ns), 'diagnosis');
    expect(engine.investigations).toBe(2);
  });
});

test('a wake that reopens its incident repeats the diagnosis, and says that it fails again', async ({
  ns,
  logPath,
}) => {
  const { double, engine, wake, id } = await start(ns, logPath);
  await commit(ns, [], [recovers(wake)]);
  await ns.redis.hset(ns.keys.incident(id), 'notifiedAt', Date.now() - 3_600_000);
  await outcomeIs(ns, await committed(ns), 'unchanged');
  expect(engine.investigations).toBe(1);
  expect(double.accepted[1]?.text).toContain('\nFailing again since ');
});

test('the message of an incident that is over says that it failed', async ({ ns, logPath }) => {
  const { double, act } = await start(ns, logPath);
  const second = await committed(ns);
  await outcomeIs(ns, second, 'unchanged');
  await act({ kind: 'resolve' });
  const edit = await eventually(() =>
    double.accepted[1]?.edits.findLast(({ text }) => text.includes('Resolved by ada')),
  );
  expect(edit.text).toContain('\nFailed since ');
  expect(edit.text).not.toContain('Still failing');
});

test('feedback about a repeated diagnosis is stored with the wake that was investigated', async ({ ns, logPath }) => {
  const { wake: first, id } = await start(ns, logPath);
  const second = await committed(ns);
  await outcomeIs(ns, second, 'unchanged');
  expect(await recordFeedback(ns.redis, ns.keys, id, { verdict: 'wrong', by: 'ada' })).toBe('done');
  expect((await recordOf(ns, first)).feedback).toMatchObject({ verdict: 'wrong' });
  const record = await recordOf(ns, second);
  expect(record.feedback).toBeNull();
  expect(await readShownFeedback(ns.redis, ns.keys, record)).toMatchObject({ verdict: 'wrong', by: 'ada' });
});

describe('two equal wakes that are queued together', () => {
  test('are one investigation: the second waits, and is sent unchanged', async ({ ns, logPath }) => {
    const { engine, held, finish } = heldEngine();
    const { log, double } = await keeping(ns, logPath, { ...onChange, engine: held });
    await ns.queue.pause();
    const [first, second] = [await committed(ns), await committed(ns)];
    await ns.queue.resume();
    await log.until('investigation.waits_for_same', ({ wakeId }) => wakeId === second.id);
    finish();
    await outcomeIs(ns, first, 'diagnosis');
    await outcomeIs(ns, second, 'unchanged');
    expect([engine.investigations, double.accepted.length]).toEqual([1, 2]);
  });

  test('are one investigation also after one that failed', async ({ ns, logPath }) => {
    const { engine, held, finish } = heldEngine(engineOf(fallbackReport('sdk_5xx'), diagnosis));
    const { log } = await keeping(ns, logPath, { ...onChange, engine: held });
    finish();
    await outcomeIs(ns, await committed(ns), 'fallback');
    const later = heldEngine(engine);
    held.investigate = later.held.investigate;
    await ns.queue.pause();
    const [first, second] = [await committed(ns), await committed(ns)];
    await ns.queue.resume();
    await log.until('investigation.waits_for_same', ({ wakeId }) => wakeId === second.id);
    later.finish();
    await outcomeIs(ns, first, 'diagnosis');
    await outcomeIs(ns, second, 'unchanged');
    expect(engine.investigations).toBe(2);
  });

  test('do not wait for each other if a person has removed the first', async ({ ns, logPath }) => {
    await ns.queue.pause();
    const [first, second] = [await committed(ns), await committed(ns)];
    expect(await claimInvestigation(ns.redis, ns.keys, first)).toEqual({ kind: 'claimed' });
    expect(await claimInvestigation(ns.redis, ns.keys, second)).toEqual({ kind: 'busy', wakeId: first.id });
    await ns.queue.remove(first.id);
    const { engine } = await keeping(ns, logPath, onChange);
    await ns.queue.resume();
    await outcomeIs(ns, second, 'diagnosis');
    expect(engine.investigations).toBe(1);
  });

  test('waits no more after some starts', async ({ ns, logPath }) => {
    const { engine, held, finish } = heldEngine();
    const { log } = await keeping(ns, logPath, { ...onChange, engine: held });
    const first = await committed(ns);
    await log.until('investigation.started');
    await ns.queue.pause();
    const second = await committed(ns);
    await ns.redis.hset(`${ns.prefix}:wakes:${second.id}`, 'ats', 12);
    await ns.queue.resume();
    await log.until('investigation.started', ({ wakeId }) => wakeId === second.id);
    finish();
    await outcomeIs(ns, first, 'diagnosis');
    await outcomeIs(ns, second, 'diagnosis');
    expect(engine.investigations).toBe(2);
  });

  test('do not wait for an investigation of another issue', async ({ ns, logPath }) => {
    const { held, finish } = heldEngine(engineOf(diagnosis), ({ title }) => title !== 'another');
    const { log } = await keeping(ns, logPath, { ...onChange, engine: held });
    const first = await committed(ns);
    await log.until('investigation.started');
    const second = await committed(ns, { title: 'another' });
    await outcomeIs(ns, second, 'diagnosis');
    finish();
    await outcomeIs(ns, first, 'diagnosis');
    // The older one ended its investigation later, but the newer one counts.
    expect(await ns.redis.hget(ns.keys.incident(incidentIdOf(first.id)), 'investigatedOf')).toBe(second.id);
  });
});

describe('a wake that would be sent unchanged', () => {
  test('joins without a row if a person has taken care of its incident', async ({ ns, logPath }) => {
    const { act, double } = await start(ns, logPath);
    await ns.deliveries.pause();
    const second = await committed(ns);
    await eventually(async () => (await ns.deliveries.getJob(deliverJobId(second.id))) !== undefined);
    await act({ kind: 'acknowledge' });
    await ns.deliveries.resume();
    await outcomeIs(ns, second, 'joined');
    const third = await committed(ns);
    await outcomeIs(ns, third, 'joined');
    expect((await recordOf(ns, third)).report).toBeNull();
    expect(double.accepted).toHaveLength(1);
    expect(completed(logPath, second)).toEqual([]);
  });

  test('is withdrawn without a row if its incident recovers', async ({ ns, logPath }) => {
    const { double } = await start(ns, logPath);
    await ns.deliveries.pause();
    const second = await committed(ns);
    await eventually(async () => (await ns.deliveries.getJob(deliverJobId(second.id))) !== undefined);
    await commit(ns, [], [recovers(second)]);
    await ns.deliveries.resume();
    await outcomeIs(ns, second, 'withdrawn');
    expect(double.accepted).toHaveLength(1);
    expect(completed(logPath, second)).toEqual([]);
  });

  test('joins during a hold', async ({ ns, logPath }) => {
    const { engine } = await start(ns, logPath);
    await setHold(ns.redis, ns.keys, 600, 'ada');
    await outcomeIs(ns, await committed(ns), 'joined');
    expect(engine.investigations).toBe(1);
  });

  test('is a dead letter if Slack refuses it, and is sent if a person retries that', async ({ ns, logPath }) => {
    const { double, engine } = await start(ns, logPath);
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    const second = await committed(ns);
    await outcomeIs(ns, second, 'dead');
    await eventually(() => completed(logPath, second).length === 1);
    expect(completed(logPath, second)[0]?.details).toMatchObject({ dm_status: 'failed_send', total_cost_usd: 0 });
    await (await ns.deliveries.getJob(deliverJobId(second.id)))?.retry('failed');
    await outcomeIs(ns, second, 'unchanged');
    expect(double.accepted[1]?.text).toContain('Still failing since');
    expect(engine.investigations).toBe(1);
    expect((await readAccount(ns.redis, ns.keys)).outcomes).toMatchObject({ diagnosis: 1, unchanged: 1, dead: 0 });
  });

  test('is not posted again if its delivery starts again', async ({ ns, logPath }) => {
    const { double } = await start(ns, logPath);
    const second = await committed(ns);
    await outcomeIs(ns, second, 'unchanged');
    const delivery = await ns.deliveries.getJob(deliverJobId(second.id));
    await eventually(async () => (await delivery?.isCompleted()) === true);
    await delivery?.retry('completed');
    // The row is written again, because the worker may have died before it was.
    await eventually(() => completed(logPath, second).length === 2);
    expect(double.accepted).toHaveLength(2);
  });

  test('stays so if its job starts again, whatever the policy says by then', async ({ ns, logPath }) => {
    let isOnChange = true;
    const { engine } = await start(ns, logPath, { isOnChange: () => isOnChange });
    await ns.deliveries.pause();
    const second = await committed(ns);
    await eventually(async () => (await ns.queue.getJobState(second.id)) === 'completed');
    isOnChange = false;
    const { queue } = ns;
    await queue.getJob(second.id).then((job) => job?.retry('completed'));
    await eventually(async () => (await queue.getJobState(second.id)) === 'completed');
    await ns.deliveries.resume();
    await outcomeIs(ns, second, 'unchanged');
    expect(engine.investigations).toBe(1);
  });

  test('keeps its report if its delivery is lost, and is sent after a repair', async ({ ns, logPath }) => {
    const { double, wake: first } = await start(ns, logPath);
    await ns.deliveries.pause();
    const second = await committed(ns);
    await eventually(async () => (await recordOf(ns, second)).report !== null);
    await eventually(async () => (await ns.queue.getJobState(second.id)) === 'completed');
    await ns.deliveries.remove(deliverJobId(second.id));
    await ns.deliveries.resume();
    const { redis, keys, queue: wakes, deliveries } = ns;
    await sweep({ redis, keys, wakes, deliveries, now: () => Date.now() + 60_000, log: testLog().logger });
    await outcomeIs(ns, second, 'unchanged');
    expect(double.accepted).toHaveLength(2);
    expect((await recordOf(ns, second)).report).toMatchObject({ repeats: { wakeId: first.id } });
  });
});

test('an investigation that ended before the commit of its wake is repeated too', async ({ ns, logPath }) => {
  const { engine } = await keeping(ns, logPath, { ...onChange, commitWaitMs: 0 });
  const first = await enqueue(ns, { probe: 'fly', category: 'notice' });
  await outcomeIs(ns, first, 'diagnosis');
  await commit(ns, [first], [fires(first)]);
  // Only the first wake is investigated before its commit.
  await ns.queue.pause();
  const second = await committed(ns);
  await ns.queue.resume();
  await outcomeIs(ns, second, 'unchanged');
  expect(engine.investigations).toBe(1);
});

test('a person resolves the incident: a later alert is investigated', async ({ ns, logPath }) => {
  const { engine, id } = await start(ns, logPath);
  await actOnIncident(ns.redis, ns.keys, id, { kind: 'resolve' }, 'ada');
  await ns.redis.hset(ns.keys.incident(id), 'closedAt', Date.now() - 3_600_000);
  await outcomeIs(ns, await committed(ns), 'diagnosis');
  expect(engine.investigations).toBe(2);
});
