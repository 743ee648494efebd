import { existsSync, readFileSync } from 'node:fs';
import { deliverJobId } from '@kora-wake/shared/store/queues';
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';

import { describe, expect } from 'vitest';
import { DIAGNOSIS } from '../../../../test/support/anthropic.ts';

import { eventually, rowsOf, test } from '../../../../test/support/fixtures.ts';
import { html, json, reset } from '../../../../test/support/http-double.ts';

import {
  completedRows,
  diagnosis,
  engineOf,
  enqueue,
  messengerTo,
  outcomeIs,
  slack,
  VISIBLE_MS,
  working,
} from '../working.ts';

describe('a delivery', () => {
  test('that fails is retried without a second investigation, and its window stays open', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '1' }), html(500));
    const engine = engineOf(diagnosis);
    const { log, clock } = working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = VISIBLE_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect([double.accepted.length, engine.investigations]).toEqual([1, 1]);
    expect(await getWindow(ns, wake.probe, wake.category)).toMatchObject({ wakeId: wake.id });
  }, 60_000);

  test('waits as long as Slack asks, and does not count that as an attempt', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '2' }));
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const began = Date.now();
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    expect((double.accepted[0]?.at ?? 0) - began).toBeGreaterThanOrEqual(2_000);
    expect((await ns.deliveries.getJob(deliverJobId(wake.id)))?.attemptsMade).toBeLessThanOrEqual(1);
  });

  test('waits at most a quarter of an hour, whatever Slack asks', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(429, {}, { 'retry-after': '604800' }));
    const { log } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await enqueue(ns);
    await log.until('delivery.rate_limited');
    const waits = await eventually(() => ns.deliveries.getRateLimitTtl().then((ms) => ms > 60_000 && ms));
    expect(waits).toBeLessThanOrEqual(15 * 60_000);
  });

  test('is paced to about one message a second', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wakes = await Promise.all([enqueue(ns), enqueue(ns), enqueue(ns)]);
    for (const wake of wakes) await outcomeIs(ns, wake, 'diagnosis');
    const [first, , third] = double.accepted;
    expect((third?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_500);
  });

  test('that Slack rejects permanently is a recorded dead letter, and can be retried', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'channel_not_found' }));
    const engine = engineOf(diagnosis);
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'dead');
    const job = await eventually(() => ns.deliveries.getFailed().then(([failed]) => failed));
    expect(job).toMatchObject({ id: deliverJobId(wake.id), failedReason: 'channel_not_found' });
    await eventually(() => existsSync(logPath) && rowsOf(logPath)[0]?.details.dm_status === 'failed_send');
    await job.retry();
    await outcomeIs(ns, wake, 'diagnosis');
    expect([double.accepted.length, engine.investigations]).toEqual([1, 1]);
  });

  test('shows the issue above the text of the diagnosis', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    const [message] = double.accepted;
    expect(message?.text).toBe(`🚨 Probe alert · fly\n${DIAGNOSIS}`);
    const [said = '', next = ''] = DIAGNOSIS.split('\nNext step: ');
    expect(Array.isArray(message?.blocks) && message.blocks.slice(0, 3)).toMatchObject([
      { type: 'header', text: { type: 'plain_text', text: `🚨 fly · ${wake.title}` } },
      { type: 'rich_text', elements: [{ elements: [{ type: 'text', text: said }] }] },
      { type: 'rich_text', elements: [{ elements: [{ text: 'Next step: ' }, { type: 'text', text: next }] }] },
    ]);
  });

  test.for(['invalid_blocks', 'msg_blocks_too_long', 'msg_too_long', 'invalid_arguments'])(
    'whose blocks Slack refuses with %s is sent as text alone',
    async (error, { ns, logPath }) => {
      const double = await slack();
      double.next.push(json(200, { ok: false, error }));
      working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
      const wake = await enqueue(ns);
      await outcomeIs(ns, wake, 'diagnosis');
      expect(double.requests).toHaveLength(2);
      expect(double.accepted).toMatchObject([{ text: `🚨 Probe alert · fly\n${DIAGNOSIS}`, blocks: undefined }]);
    },
  );

  test('whose text alone got no answer either is looked up and not posted again', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'invalid_blocks' }), double.acceptThen(reset));
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = VISIBLE_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('during a migration of the workspace is retried', async ({ ns, logPath }) => {
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'team_added_to_org' }));
    const { log } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
    // A refusal in words leaves no doubt, so no look-up is needed.
    expect(double.requests.every(({ path }) => path.endsWith('/chat.postMessage'))).toBe(true);
  });

  test.for([
    ['with a revoked token', 'token_revoked'],
    ['without the scope to post', 'missing_scope'],
  ] as const)(
    '%s is held together with later ones; then they are sent oldest first and say how late they are',
    { timeout: 60_000 },
    async ([, error], { ns, logPath }) => {
      const double = await slack();
      double.next.push(json(200, { ok: false, error }));
      const { log, clock } = working(ns, {
        engine: engineOf(diagnosis),
        messenger: messengerTo(double),
        auditPath: logPath,
      });
      const wakes = [await enqueue(ns)];
      await log.until('delivery.held');
      wakes.push(await enqueue(ns), await enqueue(ns));
      clock.aheadMs = 65 * 60_000;
      for (const wake of wakes) await outcomeIs(ns, wake, 'diagnosis');
      expect(double.accepted.map(({ wakeId }) => wakeId)).toEqual(wakes.map(({ id }) => id));
      for (const { text } of double.accepted) expect(text).toMatch(/\n\n\(Sent 1 h 5 min late\.\)$/);
      // The outcome is recorded shortly before the job ends, and only then the attempt counts.
      await eventually(async () => (await ns.deliveries.getCompletedCount()) === wakes.length);
      const jobs = await Promise.all(wakes.map(({ id }) => ns.deliveries.getJob(deliverJobId(id))));
      expect(jobs.map((job) => job?.attemptsMade)).toEqual([1, 1, 1]);
    },
  );

  test('may wait for Slack any number of times', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 500);
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('that ended before the worker died is not posted again, and its audit row is written', async ({
    ns,
    logPath,
  }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'diagnosis', at: 1 });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 1);
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    expect(await completedRows(logPath)).toMatchObject([{ details: { wake_id: wake.id, dm_status: 'sent' } }]);
    expect(double.requests).toHaveLength(0);
    expect(await ns.redis.hget(ns.keys.counters, 'outcome:diagnosis')).toBe('1');
  });

  test('of a retried dead letter has no outcome until it ends again', async ({ ns, logPath }) => {
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await ns.redis.zadd(ns.keys.pending, 1, wake.id);
    await recordOutcome(ns.redis, ns.keys, { wake, outcome: 'dead', at: 1 });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    await ns.redis.hset(`${ns.prefix}:deliveries:${deliverJobId(wake.id)}`, 'ats', 1);
    const double = await slack();
    let pending: unknown;
    double.next.push(async (...request) => {
      pending = [
        await ns.redis.hget(ns.keys.wake(wake.id), 'outcome'),
        await ns.redis.zcount(ns.keys.pending, '-inf', '+inf'),
      ];
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(pending).toEqual([null, 1]);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:diagnosis': '1' });
  });
});

test('a Slack token appears nowhere', async ({ ns, logPath }) => {
  const double = await slack();
  double.next.push(json(429, {}, { 'retry-after': '1' }), json(200, { ok: false, error: 'channel_not_found' }));
  const { log } = working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
  const wake = await enqueue(ns);
  await outcomeIs(ns, wake, 'dead');
  const job = await ns.deliveries.getJob(deliverJobId(wake.id));
  await eventually(() => existsSync(logPath));
  expect(JSON.stringify([log.lines, job?.asJSON(), readFileSync(logPath, 'utf8')])).not.toContain('xoxb-secret');
});
