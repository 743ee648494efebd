/** Wakes of one pair that waited while workers or Slack were down. */
import { readAccount } from '@kora-wake/shared/store/account';
import { commitBatch } from '@kora-wake/shared/store/checkpoint';
import { wakeJobOptions } from '@kora-wake/shared/store/queues';
import { readWakeRecord, recordOutcome, reopen } from '@kora-wake/shared/store/wake-record';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { aWake, eventually, type Namespace, test, testLog, waitingJobs } from '../../../../test/support/fixtures.ts';
import { json } from '../../../../test/support/http-double.ts';
import { sweep } from '../../src/repair/sweeper.ts';
import { diagnosis, engineOf, messengerTo, outcomeIs, slack, working } from '../working.ts';

const MINUTE = 60_000;

/** Enqueues a wake as a tailer did some time ago. @param ago ms */
async function enqueued(ns: Namespace, id: string, ago: number, more: Partial<Wake> = {}, delay = 0): Promise<Wake> {
  const at = Date.now() - ago;
  const wake = aWake({ id, emittedAt: at, title: id, ...more });
  const options = wakeJobOptions(wake, 0);
  await ns.queue.add('wake', { wake }, { ...options, timestamp: at, delay });
  const { position } = await readPosition(ns);
  await ns.redis.set(ns.keys.lease('s'), 'token');
  await commitBatch(ns.redis, ns.keys, {
    sourceId: 's',
    path: '/log',
    name: '',
    token: 'token',
    from: position,
    to: id,
    mayReplay: false,
    tally: {
      counters: new Map(),
      enqueued: new Map([[id, wake]]),
      suppressed: new Map(),
      pairRows: new Map(),
      unreadable: [],
      counts: [],
      firing: [],
      opened: new Set([debounceId(wake.probe, wake.category)]),
      at,
    },
  });
  return wake;
}

const readPosition = async (ns: Namespace) => ({
  position: (await ns.redis.hget(ns.keys.source('s'), 'position')) ?? '',
});
const name = (n: number) => `w-${String(n).padStart(3, '0')}`;

describe('wakes of one pair that waited for hours', () => {
  test('are one investigation and one message for the newest, which says how old it is', async ({ ns, logPath }) => {
    for (let n = 0; n < 48; n++) await enqueued(ns, name(n), 8 * 60 * MINUTE - n * 10 * MINUTE);
    const other = await enqueued(ns, 'w-other', 60 * MINUTE, { category: 'other' });
    const [double, engine] = [await slack(), engineOf(diagnosis)];
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, other, 'diagnosis');
    await eventually(() => readAccount(ns.redis, ns.keys).then(({ outcomes }) => outcomes.joined === 47), 60_000);
    expect(engine.investigations).toBe(2);
    expect(double.accepted).toHaveLength(2);
    const message = double.accepted.find(({ text }) => text.includes('stands for'));
    expect(message?.text).toMatch(/\(Sent 1\d min late\. This message stands for 47 earlier alerts/);
    expect(await readWakeRecord(ns.redis, ns.keys, name(0))).toMatchObject({ outcome: 'joined', joinedInto: name(47) });
    expect(await readWakeRecord(ns.redis, ns.keys, name(47))).toMatchObject({ outcome: 'diagnosis', joinedInto: null });
    const account = await eventually(async () => {
      const now = await readAccount(ns.redis, ns.keys);
      return now.inFlight === 0 && now;
    });
    expect(account).toMatchObject({ enqueued: 49, unaccounted: 0 });
  });

  test('are each sent if they waited for less than five minutes', async ({ ns, logPath }) => {
    const wakes = [await enqueued(ns, name(1), 4 * MINUTE), await enqueued(ns, name(2), 0)];
    const [double, engine] = [await slack(), engineOf(diagnosis)];
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    for (const wake of wakes) await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toHaveLength(2);
  });

  test('do not hide a critical one behind a warning', async ({ ns, logPath }) => {
    const critical = await enqueued(ns, name(1), 60 * MINUTE, { severity: 'critical' });
    const warning = await enqueued(ns, name(2), 30 * MINUTE, { severity: 'warning' });
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, critical, 'diagnosis');
    await outcomeIs(ns, warning, 'diagnosis');
  });

  test('are sent one by one if the message of the newest is rejected for good', async ({ ns, logPath }) => {
    const older = await enqueued(ns, name(1), 60 * MINUTE);
    const newest = await enqueued(ns, name(2), 30 * MINUTE);
    const double = await slack();
    double.next.push(json(200, { ok: false, error: 'is_archived' }));
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, newest, 'dead');
    await outcomeIs(ns, older, 'diagnosis');
  });

  test('join the newest that was sent, even if a still newer one waits', async ({ ns, logPath }) => {
    const older = await enqueued(ns, name(1), 60 * MINUTE);
    const sent = await enqueued(ns, name(2), 30 * MINUTE, {}, 3_600_000);
    await enqueued(ns, name(3), 0, {}, 3_600_000);
    await recordOutcome(ns.redis, ns.keys, { wake: sent, outcome: 'diagnosis', at: Date.now() });
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, older, 'joined');
    expect(await readWakeRecord(ns.redis, ns.keys, older.id)).toMatchObject({ joinedInto: sent.id });
  });

  test('do not wait for one whose job a person has removed', async ({ ns, logPath }) => {
    const older = await enqueued(ns, name(1), 60 * MINUTE);
    const removed = await enqueued(ns, name(2), 30 * MINUTE);
    await ns.queue.remove(removed.id);
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, older, 'diagnosis');
  });

  test('are not joined if a person retries one that had failed', async ({ ns, logPath }) => {
    const older = await enqueued(ns, name(1), 60 * MINUTE, {}, 3_600_000);
    const newest = await enqueued(ns, name(2), 30 * MINUTE, {}, 3_600_000);
    await recordOutcome(ns.redis, ns.keys, { wake: newest, outcome: 'diagnosis', at: Date.now() });
    await recordOutcome(ns.redis, ns.keys, { wake: older, outcome: 'dead', at: Date.now() });
    await reopen(ns.redis, ns.keys, older.id, Date.now());
    await ns.queue.getJob(older.id).then((job) => job?.promote());
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, older, 'diagnosis');
  });

  test('are started by a sweep if the worker died right after the newest was sent', async ({ ns }) => {
    const older = await enqueued(ns, name(1), 60 * MINUTE, {}, 3_600_000);
    const newest = await enqueued(ns, name(2), 30 * MINUTE, {}, 3_600_000);
    const repairs = {
      redis: ns.redis,
      keys: ns.keys,
      wakes: ns.queue,
      deliveries: ns.deliveries,
      now: Date.now,
      log: testLog().logger,
    };
    await sweep(repairs);
    expect(await ns.queue.getDelayedCount()).toBe(2);
    const end = { wake: newest, outcome: 'diagnosis' as const, at: Date.now() };
    await recordOutcome(ns.redis, ns.keys, end);
    await sweep(repairs);
    expect((await waitingJobs(ns.queue)).map(({ id }) => id)).toEqual([older.id]);
    expect((await readAccount(ns.redis, ns.keys)).repaired).toEqual({ joining: 1 });
  });
});
