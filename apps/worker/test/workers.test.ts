import { deliverJobOptions } from '@kora-wake/shared/store/queues';
import { readWakeRecord, recordInvestigation } from '@kora-wake/shared/store/wake-record';
import { getWindow } from '@kora-wake/shared/store/windows';
import { fallbackReport } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';

import { describe, expect } from 'vitest';
import { DIAGNOSIS } from '../../../test/support/anthropic.ts';
import { aWake, eventually, test } from '../../../test/support/fixtures.ts';

import { completedRows, diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, working } from './working.ts';

describe('a wake', () => {
  test('ends in one DM with the diagnosis and one audit row', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    expect(double.accepted).toMatchObject([
      { channel: 'U0OPERATOR', text: `🚨 Probe alert · fly\n${DIAGNOSIS}`, wakeId: wake.id },
    ]);
    expect(await completedRows(logPath)).toEqual([
      {
        emitted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/),
        seam: 'probe.investigation_completed',
        details: {
          probe: 'fly',
          issue_category: wake.category,
          severity: 'critical',
          model_used: 'claude-sonnet-5-5',
          input_tokens: 500,
          output_tokens: 60,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          total_cost_usd: 0.0016,
          investigation_duration_ms: 1_200,
          investigation_summary_text: DIAGNOSIS,
          dm_status: 'sent',
          autofix_attempted: false,
          wake_id: wake.id,
        },
        caller_session_id: `probe:fly:${wake.category}`,
        source: 'reasoning',
      },
    ]);
    const posted = { channel: 'DU0OPERATOR', ts: double.accepted[0]?.ts };
    expect(await readWakeRecord(ns.redis, ns.keys, wake.id)).toMatchObject({
      posted,
      dmStatus: 'sent',
      outcome: 'diagnosis',
    });
  });

  test('that could not be investigated is sent verbatim with the error code', async ({ ns, logPath }) => {
    const double = await slack();
    working(ns, { engine: engineOf(fallbackReport('sdk_5xx')), messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns, { title: '<!channel> is down & out' });
    await outcomeIs(ns, wake, 'fallback');
    expect(double.accepted.map(({ text }) => text)).toEqual([
      '🚨 Probe alert · fly\nfly (critical): &lt;!channel&gt; is down &amp; out\n\ndown\n\nI was unable to investigate — engine returned: sdk_5xx',
    ]);
    expect((await completedRows(logPath))[0]?.details).toMatchObject({
      dm_status: 'engine_unavailable_fallback',
      reasoning_error: 'sdk_5xx',
      model_used: null,
      total_cost_usd: null,
    });
  });

  test('whose engine throws is sent as well', async ({ ns, logPath }) => {
    const double = await slack();
    const engine = engineOf(() => {
      throw new RangeError('a bug of ours');
    });
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'fallback');
    expect(double.accepted[0]?.text).toContain('engine returned: engine_exception:RangeError');
  });

  test('without a Slack token is a dry run: printed, recorded, not sent', async ({ ns, logPath }) => {
    const { log } = working(ns, { engine: engineOf(diagnosis), auditPath: logPath });
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'dry_run');
    expect(log.lines.find(({ event }) => event === 'delivery.dry_run')?.dm).toEqual({
      wakeId: wake.id,
      text: `🚨 Probe alert · fly\n${DIAGNOSIS}`,
    });
    expect((await completedRows(logPath))[0]?.details.dm_status).toBe('failed_send');
  });

  test('whose audit row cannot be written is sent all the same', async ({ ns, folder }) => {
    const double = await slack();
    const { log } = working(ns, {
      engine: engineOf(diagnosis),
      messenger: messengerTo(double),
      auditPath: `${folder}/.`,
    });
    await outcomeIs(ns, await enqueue(ns), 'diagnosis');
    expect(double.accepted).toHaveLength(1);
    await log.until('audit_log.write_failed');
  });

  test.for(['delivery', 'record'])(
    'keeps its paid report, in the %s, when the worker dies',
    async (where, { ns, logPath }) => {
      const engine = engineOf(fallbackReport('refused'));
      const wake = await enqueue(ns);
      if (where === 'delivery') {
        await ns.deliveries.add('deliver', { wake, report: diagnosis }, deliverJobOptions(wake));
        await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 1);
      } else {
        await recordInvestigation(ns.redis, ns.keys, wake, diagnosis, Date.now());
        await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 1);
      }
      working(ns, { engine, auditPath: logPath });
      await outcomeIs(ns, wake, 'dry_run');
      await eventually(async () => (await readWakeRecord(ns.redis, ns.keys, wake.id))?.report?.kind === 'diagnosis');
      expect(engine.investigations).toBe(0);
      expect((await completedRows(logPath)).map(({ details }) => details.investigation_summary_text)).toEqual([
        DIAGNOSIS,
      ]);
    },
  );

  test('that is critical is investigated before older ones that are not', async ({ ns, logPath }) => {
    const severities = ['warning', 'info', 'warning', 'critical', 'info', 'critical'];
    for (const severity of severities) await enqueue(ns, { severity });
    const investigated: string[] = [];
    const engine = {
      investigate: async ({ severity }: Wake) => {
        investigated.push(severity);
        return diagnosis;
      },
    };
    working(ns, { engine, auditPath: logPath });
    await eventually(() => investigated.length === 6);
    expect(investigated.slice(0, 2)).toEqual(['critical', 'critical']);
  });

  test('that is critical is sent before older ones that are not', async ({ ns, logPath }) => {
    for (const [i, severity] of ['warning', 'info', 'critical', 'warning', 'critical'].entries()) {
      const wake = aWake({ id: `w-${i}`, category: `c-${i}`, severity });
      const report = { ...diagnosis, text: `number ${i}` };
      await ns.deliveries.add('deliver', { wake, report }, deliverJobOptions(wake));
    }
    const double = await slack();
    working(ns, { engine: engineOf(diagnosis), messenger: messengerTo(double), auditPath: logPath });
    await eventually(() => double.accepted.length === 5);
    const sent = double.accepted.map(({ text }) => /number (\d)/.exec(text)?.[1]);
    expect(sent).toEqual(['2', '4', '0', '1', '3']);
  });

  test('whose worker died too often is sent without an investigation', async ({ ns, logPath }) => {
    const engine = engineOf(diagnosis);
    const wake = await enqueue(ns);
    await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'stc', 5);
    const double = await slack();
    working(ns, { engine, messenger: messengerTo(double), auditPath: logPath });
    await outcomeIs(ns, wake, 'fallback');
    expect(engine.investigations).toBe(0);
    expect(double.accepted[0]?.text).toContain('engine_exception:WorkerCrashed');
  });

  test('that BullMQ fails for good is a dead letter and holds no window', async ({ ns, logPath }) => {
    const wake = await enqueue(ns);
    await ns.redis.hset(`${ns.prefix}:wakes:${wake.id}`, 'ats', 20);
    working(ns, { engine: engineOf(diagnosis), auditPath: logPath });
    await outcomeIs(ns, wake, 'dead');
    await eventually(async () => (await getWindow(ns, wake.probe, wake.category)) === undefined);
  });
});
