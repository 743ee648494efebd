import { setClaim } from '@kora-wake/shared/store/claims';
import { deliverJobId, deliverJobOptions } from '@kora-wake/shared/store/queues';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';

import { describe, expect } from 'vitest';
import { DIAGNOSIS } from '../../../../test/support/anthropic.ts';
import { eventually, test } from '../../../../test/support/fixtures.ts';
import { type Answer, cutShort, html, json, reset } from '../../../../test/support/http-double.ts';

import { diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, VISIBLE_MS, working } from '../working.ts';

describe('a delivery', () => {
  test.for<[string, Answer]>([
    ['a reset', reset],
    ['a 500', html(500)],
    ['an answer cut short', cutShort],
    ['an error page', html(200)],
    ['a 408', html(408)],
    ['a page of a proxy that forbids it', html(403)],
  ])(
    'that Slack accepted and answered with %s is found there and not posted again',
    async ([_name, answer], { ns, logPath }) => {
      const double = await slack();
      double.next.push(double.acceptThen(answer));
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
      expect((await readWakeRecord(ns.redis, ns.keys, wake.id))?.posted?.ts).toBe(double.accepted[0]?.ts);
    },
  );

  test('whose look-up Slack limits waits alone, and continues at the page that it reached', async ({ ns, logPath }) => {
    const double = await slack();
    double.lookUp.pageSize = 1;
    double.lookUp.next.push(undefined, undefined, json(429, {}, { 'retry-after': '60' }));
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    for (const id of [wake.id, 'w-later-1', 'w-later-2']) await messengerTo(double).post('arrived', id);
    const claimedAt = Date.now() - VISIBLE_MS;
    await setClaim(ns.redis, ns.keys.wake(wake.id), { claimedAt, firstClaimedAt: claimedAt });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    const messenger = messengerTo(double);
    const { log } = working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath });
    await log.until('delivery.look_up_limited');
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    expect(held.delay).toBeGreaterThan(50_000);

    const other = await enqueue(ns);
    await outcomeIs(ns, other, 'diagnosis');
    expect(await ns.redis.hget(ns.keys.wake(wake.id), 'outcome')).toBeNull();

    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.filter(({ wakeId }) => wakeId === wake.id)).toHaveLength(1);
    const pages = double.requests.filter(({ path }) => path.endsWith('.history'));
    const [, second, third] = double.accepted.map(({ ts }) => ts);
    expect(pages.map(({ body }) => new URLSearchParams(body).get('cursor'))).toEqual([null, third, second, second]);
  });

  test('whose look-up Slack limits for long is sent after five minutes as a possible duplicate', async ({
    ns,
    logPath,
  }) => {
    const double = await slack();
    const limited = json(429, {}, { 'retry-after': '604800' });
    double.lookUp.next.push(limited, limited);
    double.next.push(double.acceptThen(reset));
    const messenger = messengerTo(double);
    const { log, clock } = working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = VISIBLE_MS;
    expect((await log.until('delivery.look_up_limited')).waitMs).toBe(300_000);
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    clock.aheadMs = 6 * 60_000;
    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual([false, true]);
  });

  test('whose cursor Slack no longer accepts is looked up from the beginning', async ({ ns, logPath }) => {
    const double = await slack();
    double.lookUp.pageSize = 1;
    const refusal = json(200, { ok: false, error: 'invalid_cursor' });
    double.lookUp.next.push(undefined, refusal);
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    for (const id of [wake.id, 'w-later']) await messengerTo(double).post('arrived', id);
    const claimedAt = Date.now() - VISIBLE_MS;
    await setClaim(ns.redis, ns.keys.wake(wake.id), { claimedAt, firstClaimedAt: claimedAt });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, deliverJobOptions(wake));
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text)).toEqual(['arrived', 'arrived']);
  });

  test('whose answer was lost waits until Slack’s history is current, and is posted again without a mark if it is not there', async ({
    ns,
    logPath,
  }) => {
    const double = await slack();
    double.next.push(reset);
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    const held = await eventually(() =>
      ns.deliveries.getDelayed().then(([job]) => (job && job.delay > 5_000 ? job : undefined)),
    );
    expect(double.requests).toHaveLength(1);
    expect(await ns.redis.hexists(ns.keys.wake(wake.id), 'claimedAt')).toBe(1);
    clock.aheadMs = VISIBLE_MS;
    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text)).toEqual([`🚨 Probe alert · fly\n${DIAGNOSIS}`]);
  });

  test('is looked up from its first claim on', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const tenMinutesAgo = Date.now() - 600_000;
    for (const message of double.accepted) message.ts = String(tenMinutesAgo / 1000);
    await setClaim(ns.redis, ns.keys.wake(wake.id), {
      firstClaimedAt: tenMinutesAgo,
      claimedAt: Date.now() - VISIBLE_MS,
    });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test.for<[string, boolean, string | undefined, boolean[]]>([
    ['is in Slack is not sent again', true, undefined, [false]],
    ['is not in Slack is sent', false, undefined, [false]],
    ['cannot be looked up is sent as a possible duplicate', true, 'missing_scope', [false, true]],
  ])('whose record Redis may have lost and that %s', async ([_name, isSent, error, marks], { ns, logPath }) => {
    const double = await slack();
    if (error) double.lookUp.error = error;
    const completeSince = Date.now() - VISIBLE_MS;
    const wake = await enqueue(ns, { emittedAt: completeSince - 1_000 });
    if (isSent) await messengerTo(double).post('sent before', wake.id);
    const messenger = messengerTo(double);
    working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath, completeSince });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual(marks);
  });

  test('with a time in the future may be older than the data loss, and is looked up too', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns, { emittedAt: Date.now() + 2 * 3_600_000 });
    await messengerTo(double).post('sent before', wake.id);
    const messenger = messengerTo(double);
    const completeSince = Date.now() - VISIBLE_MS;
    working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath, completeSince });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test.for([
    ['in the future', 2 * 3_600_000],
    ['in the past', -2 * 3_600_000],
  ] as const)(
    'with a time %s is not looked up if its row was appended after the data loss',
    async ([, ms], { ns, logPath }) => {
      const double = await slack();
      double.lookUp.error = 'missing_scope';
      const wake = await enqueue(ns, { emittedAt: Date.now() + ms, appendedAfter: Date.now() - 1_000 });
      const messenger = messengerTo(double);
      const completeSince = Date.now() - 3_600_000;
      working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath, completeSince });
      await outcomeIs(ns, wake, 'diagnosis');
      expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual([false]);
    },
  );

  test('whose record Redis may just have lost waits until Slack’s history is current', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns, { emittedAt: Date.now() - 1_000 });
    const { log } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
      completeSince: Date.now(),
    });
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    expect(held.delay).toBeGreaterThan(5_000);
    expect(log.lines.some(({ event }) => event === 'delivery.looked_up')).toBe(false);
    expect(double.requests).toHaveLength(0);
    expect(held.data.wake.id).toBe(wake.id);
  });

  test.for([
    ['that may not be looked up is posted again as a possible duplicate', []],
    ['keeps its mark if the second post is refused first', [json(429, {}, { 'retry-after': '1' })]],
  ] as const)('%s', async ([, refusals], { ns, logPath }) => {
    const double = await slack();
    double.lookUp.error = 'missing_scope';
    double.next.push(double.acceptThen(reset), ...refusals);
    const { log, clock } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: logPath,
    });
    const wake = await enqueue(ns);
    await log.until('delivery.retrying');
    clock.aheadMs = VISIBLE_MS;
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text.includes('Possible duplicate'))).toEqual([false, true]);
  });

  test('claimed by a clock that was ahead waits as if it was claimed now', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const ahead = Date.now() + 3_600_000;
    await setClaim(ns.redis, ns.keys.wake(wake.id), { claimedAt: ahead, firstClaimedAt: ahead });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    const messenger = messengerTo(double);
    const { clock } = working(ns, { engine: engineOf(diagnosis), messenger, auditPath: logPath });
    const held = await eventually(() => ns.deliveries.getDelayed().then(([job]) => job));
    clock.aheadMs = VISIBLE_MS;
    await held.promote();
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(1);
  });

  test('claimed by a worker that died is looked up instead of posted again', async ({ ns, logPath }) => {
    const double = await slack();
    const wake = await enqueue(ns);
    await ns.queue.remove(wake.id);
    await messengerTo(double).post('the one that arrived', wake.id);
    const claimedAt = Date.now() - VISIBLE_MS;
    await setClaim(ns.redis, ns.keys.wake(wake.id), { claimedAt, firstClaimedAt: claimedAt });
    await ns.deliveries.add('deliver', { wake, report: diagnosis }, { jobId: deliverJobId(wake.id) });
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted.map(({ text }) => text)).toEqual(['the one that arrived']);
  });
});
