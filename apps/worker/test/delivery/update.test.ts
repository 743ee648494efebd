/** The messages of an incident show how it develops. */
import { recordClicksTaken } from '@kora-wake/shared/store/clicks';
import { actOnIncident, listChanged, readStaleMessage } from '@kora-wake/shared/store/incidents';
import { updateJobOptions } from '@kora-wake/shared/store/queues';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { commit, fires, recovers } from '../../../../test/support/commit.ts';
import { eventually, type Namespace, test } from '../../../../test/support/fixtures.ts';
import { json, reset } from '../../../../test/support/http-double.ts';
import { diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, working } from '../working.ts';

const UTC = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d UTC`;

async function committed(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  await ns.redis.del(ns.keys.dedup('fly:live'));
  const wake = await enqueue(ns, { severity: 'warning', probe: 'fly', category: 'live', ...more });
  await commit(ns, [wake], [fires(wake)]);
  return wake;
}

/** An incident whose first wake was sent. */
async function sent(ns: Namespace, logPath: string) {
  const double = await slack();
  const { log } = working(ns, {
    engine: engineOf(diagnosis),
    messenger: messengerTo(double),
    auditPath: logPath,
  });
  const wake = await committed(ns);
  await outcomeIs(ns, wake, 'diagnosis');
  const id = incidentIdOf(wake.id);
  const acknowledge = () => actOnIncident(ns.redis, ns.keys, id, { kind: 'acknowledge' }, 'ada');
  const [message] = double.accepted;
  if (!message) throw new Error('nothing was sent');
  return { double, log, wake, id, acknowledge, message };
}

/** Queues edits as a worker does, until all messages are current. */
async function current(ns: Namespace): Promise<void> {
  await eventually(async () => {
    const changed = await listChanged(ns.redis, ns.keys, 10);
    for (const { id, priority } of changed) {
      await ns.followups.add('update', { incidentId: id }, updateJobOptions(id, priority));
    }
    return changed.length === 0;
  });
}

describe('the message of an incident', () => {
  test('is sent as it is, and shows an acknowledgement, repeats and the recovery after that', async ({
    ns,
    logPath,
  }) => {
    const { double, wake, acknowledge, message } = await sent(ns, logPath);
    expect(await listChanged(ns.redis, ns.keys, 10)).toEqual([]);
    await acknowledge();
    await current(ns);
    expect(message.edits.at(-1)?.text).toMatch(
      new RegExp(`^${message.text.slice(0, 20)}[^]*\n\n\\(Acknowledged by ada · firing since ${UTC}\\)$`),
    );
    expect(JSON.stringify(message.edits.at(-1)?.blocks)).toContain('Acknowledged by ada');
    await commit(ns, [], [recovers(wake)]);
    await current(ns);
    expect(message.edits.at(-1)?.text).toMatch(new RegExp(`\\(Recovered ${UTC} after 0 min\\)$`));
    expect(double.accepted).toHaveLength(1);
  });

  test('points to the newer one, which carries the state', async ({ ns, logPath }) => {
    const { double, acknowledge, message } = await sent(ns, logPath);
    const critical = await committed(ns, { severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    await acknowledge();
    await current(ns);
    expect(message.edits.at(-1)?.text).toMatch(/\(A newer message about this follows\.\)$/);
    expect(double.accepted[1]?.edits.at(-1)?.text).toContain('(Acknowledged by ada');
    expect(double.accepted[1]?.edits.at(-1)?.text).toContain('· 1 repeat)');
  });

  test('shows the state at the time of the edit, whatever the job was queued for', async ({ ns, logPath }) => {
    const { double, wake, id, acknowledge, message } = await sent(ns, logPath);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    double.nextEdits.push((_request, response) => {
      void held.then(() => response.destroy());
    });
    await acknowledge();
    await ns.followups.add('update', { incidentId: id }, updateJobOptions(id, 1));
    await eventually(() => double.nextEdits.length === 0);
    await commit(ns, [], [recovers(wake)]);
    release();
    await current(ns);
    expect(message.edits.at(-1)?.text).toContain('(Recovered');
    expect((await readStaleMessage(ns.redis, ns.keys, id))?.kind).toBeUndefined();
  });

  test('is edited again if it is not known whether Slack did it, and after the time that Slack asks for', async ({
    ns,
    logPath,
  }) => {
    const { double, acknowledge, message } = await sent(ns, logPath);
    double.nextEdits.push(reset, json(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '1' }));
    await acknowledge();
    await current(ns);
    expect(message.edits.map(({ text }) => text.includes('Acknowledged'))).toEqual([true]);
  });

  test('is sent without blocks if Slack refuses them', async ({ ns, logPath }) => {
    const { double, acknowledge, message } = await sent(ns, logPath);
    double.nextEdits.push(json(200, { ok: false, error: 'invalid_blocks' }));
    await acknowledge();
    await current(ns);
    expect(message.edits).toMatchObject([{ blocks: [] }]);
  });

  test('that a person deleted is left alone', async ({ ns, logPath }) => {
    const { double, log, acknowledge, id } = await sent(ns, logPath);
    double.nextEdits.push(json(200, { ok: false, error: 'message_not_found' }));
    await acknowledge();
    await current(ns);
    await log.until(
      'incidents.message_not_edited',
      (line) => line.incidentId === id && line.code === 'message_not_found',
    );
    expect(double.accepted).toHaveLength(1);
  });
});

/** The buttons of blocks, each with its value. */
function buttonsIn(blocks: unknown): unknown[] {
  const all = Array.isArray(blocks) ? blocks : [];
  return all.flatMap((block) =>
    block.type === 'actions'
      ? block.elements.map(({ action_id: id, value }: Record<string, unknown>) => [id, value])
      : [],
  );
}

describe('buttons', () => {
  test('fit the state; an older message has none, and a closed incident only those that judge the diagnosis', async ({
    ns,
    logPath,
  }) => {
    await recordClicksTaken(ns.redis, ns.keys);
    const { double, id, wake, acknowledge, message } = await sent(ns, logPath);
    const judge = ['feedback_right', 'feedback_wrong'];
    const buttons = (...actions: string[]) => [...actions, ...judge].map((action) => [action, id]);
    expect(buttonsIn(message.blocks)).toEqual(buttons('acknowledge', 'snooze_1h', 'snooze_8h', 'resolve', 'hold_all'));
    await acknowledge();
    await current(ns);
    expect(buttonsIn(message.edits.at(-1)?.blocks)).toEqual(buttons('snooze_1h', 'snooze_8h', 'resolve'));
    const critical = await committed(ns, { severity: 'critical' });
    await outcomeIs(ns, critical, 'diagnosis');
    await current(ns);
    expect(buttonsIn(message.edits.at(-1)?.blocks)).toEqual([]);
    expect(buttonsIn(double.accepted[1]?.blocks)).toHaveLength(7);
    await commit(ns, [], [recovers(wake)]);
    await current(ns);
    expect(buttonsIn(double.accepted[1]?.edits.at(-1)?.blocks)).toEqual(buttons());
  });

  test('are absent while no API takes clicks', async ({ ns, logPath }) => {
    const { acknowledge, message } = await sent(ns, logPath);
    await acknowledge();
    await current(ns);
    expect([message.blocks, message.edits.at(-1)?.blocks].flatMap(buttonsIn)).toEqual([]);
  });
});

test('without Slack the log shows how the incident develops', async ({ ns, logPath }) => {
  const { log } = working(ns, { engine: engineOf(diagnosis), auditPath: logPath });
  const wake = await committed(ns);
  await outcomeIs(ns, wake, 'dry_run');
  await actOnIncident(ns.redis, ns.keys, incidentIdOf(wake.id), { kind: 'snooze', seconds: 3_600 }, 'ada');
  await current(ns);
  await commit(ns, [], [recovers(wake)]);
  await current(ns);
  const lines = log.lines.flatMap(({ event, incident }) => (event === 'incidents.dry_run' ? [incident] : []));
  expect(lines).toMatchObject([
    { probe: 'fly', line: expect.stringMatching(/^Snoozed by ada until .* · firing since /) },
    { line: expect.stringMatching(/^Recovered /) },
  ]);
});
