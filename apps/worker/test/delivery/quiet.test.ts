/** Wakes of an incident that a person takes care of, and of one that flaps. */
import { actOnIncident, type IncidentAction, readIncident } from '@kora-wake/shared/store/incidents';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { completedRows, diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, working } from '../working.ts';

async function committed(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  await ns.redis.del(ns.keys.dedup('fly:quiet'));
  const wake = await enqueue(ns, { severity: 'warning', probe: 'fly', category: 'quiet', ...more });
  await commit(ns, [wake], [fires(wake)]);
  return wake;
}

/** An incident whose first wake was sent. */
async function sent(ns: Namespace, logPath: string, investigate?: () => Promise<void>) {
  const double = await slack();
  const engine = engineOf(diagnosis);
  const first = await committed(ns);
  const during = {
    ...engine,
    investigate: async (...args: Parameters<typeof engine.investigate>) => {
      if (double.accepted.length > 0) await investigate?.();
      return engine.investigate(...args);
    },
  };
  const commitWaitMs = 30_000;
  const { log } = working(ns, { engine: during, messenger: messengerTo(double), auditPath: logPath, commitWaitMs });
  await outcomeIs(ns, first, 'diagnosis');
  const id = incidentIdOf(first.id);
  const act = (action: IncidentAction) => actOnIncident(ns.redis, ns.keys, id, action, 'ada');
  return { double, engine, first, id, act, log };
}

describe('a wake of an acknowledged incident', () => {
  test.for<IncidentAction>([{ kind: 'acknowledge' }, { kind: 'snooze', seconds: 3_600 }])(
    'is neither investigated nor sent: %o',
    async (action, { ns, logPath }) => {
      const { double, first, id, act } = await sent(ns, logPath);
      expect((await readIncident(ns.redis, ns.keys, id))?.message).toMatchObject({ ts: expect.any(String) });
      await act(action);
      const second = await committed(ns);
      await outcomeIs(ns, second, 'joined');
      expect(double.accepted).toHaveLength(1);
      const record = await readWakeRecord(ns.redis, ns.keys, second.id);
      expect(record).toMatchObject({ joinedInto: first.id, report: null });
    },
  );

  test('is sent if it is the first critical one', async ({ ns, logPath }) => {
    const { double, act } = await sent(ns, logPath);
    await act({ kind: 'acknowledge' });
    const critical = await committed(ns, { severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    expect(double.accepted).toHaveLength(2);
  });

  test('is not sent if a person acknowledged the incident during the investigation', async ({ ns, logPath }) => {
    const acting = { act: async () => {} };
    const { double, act } = await sent(ns, logPath, () => acting.act());
    acting.act = async () => void (await act({ kind: 'acknowledge' }));
    const second = await committed(ns);
    await outcomeIs(ns, second, 'joined');
    expect(double.accepted).toHaveLength(1);
    // It was paid for. The row follows the outcome.
    await eventually(async () => (await completedRows(logPath)).length === 2);
    expect((await completedRows(logPath)).map(({ details }) => details.dm_status)).toEqual(['sent', 'failed_send']);
  });

  test('is sent again after a snooze has ended', async ({ ns, logPath }) => {
    const { double, id, act } = await sent(ns, logPath);
    await act({ kind: 'snooze', seconds: 60 });
    await ns.redis.hset(ns.keys.incident(id), 'state', 'firing');
    await outcomeIs(ns, await committed(ns), 'diagnosis');
    expect(double.accepted).toHaveLength(2);
  });
});

test('a wake that reopens its incident right after a message waits, and is withdrawn if that is over', async ({
  ns,
  logPath,
}) => {
  const { double, first, log } = await sent(ns, logPath);
  await commit(ns, [], [recovers(first)]);
  const again = await committed(ns);
  await log.until('investigation.flapping', ({ wakeId }) => wakeId === again.id);
  await commit(ns, [], [recovers(again)]);
  const job = await ns.queue.getJob(again.id);
  await job?.promote();
  await outcomeIs(ns, again, 'withdrawn');
  expect(double.accepted).toHaveLength(1);
});
