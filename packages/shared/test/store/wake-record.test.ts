import { describe, expect } from 'vitest';
import { aWake, ending, test } from '../../../../test/support/fixtures.ts';
import { listWakeRecords } from '../../src/store/wake-history.ts';
import {
  oldestPendingMs,
  readWakeRecord,
  recordInvestigation,
  recordOutcome,
  reopen,
} from '../../src/store/wake-record.ts';
import { fallbackReport } from '../../src/wake/report.ts';

describe('an outcome', () => {
  test('is recorded and counted once', async ({ ns }) => {
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 1))).toBe(true);
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 2))).toBe(false);
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 3))).toBe(false);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:diagnosis': '1' });
    expect(await ns.redis.hgetall(ns.keys.wake('w-1'))).toEqual({
      outcome: 'diagnosis',
      outcomeAt: '1',
      outcomePair: 'fly:down',
    });
  });

  test('is pending until it is recorded, and again after a dead letter is reopened', async ({ ns }) => {
    const waited = () => oldestPendingMs(ns.redis, ns.keys, 10_000);
    await ns.redis.zadd(ns.keys.pending, 1_000, 'w-1', 4_000, 'w-2');
    await ns.redis.hset(ns.keys.wake('w-1'), 'enqueuedAt', 1_000);
    expect(await waited()).toBe(9_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 5_000));
    expect(await waited()).toBe(6_000);
    await reopen(ns.redis, ns.keys, 'w-1', 6_000);
    expect(await waited()).toBe(9_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'diagnosis', 7_000));
    await reopen(ns.redis, ns.keys, 'w-1', 8_000);
    await recordOutcome(ns.redis, ns.keys, ending('w-2', 'diagnosis', 9_000));
    expect(await waited()).toBe(0);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:diagnosis': '2' });
  });

  test('of a dead letter changes if it is sent after all', async ({ ns }) => {
    await recordOutcome(ns.redis, ns.keys, ending('w-1', 'dead', 1));
    expect(await recordOutcome(ns.redis, ns.keys, ending('w-1', 'fallback', 2))).toBe(true);
    expect(await ns.redis.hgetall(ns.keys.counters)).toEqual({ 'outcome:dead': '0', 'outcome:fallback': '1' });
  });
});

describe('a record', () => {
  test('that 0.2 wrote is understood', async ({ ns }) => {
    const row = { probe: 'fly', category: 'down', severity: 'critical', title: 't', detail: 'd' };
    const usage = { inputTokens: 530, outputTokens: 60, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
    const call = { route: 'probe_investigation', model: 'claude-sonnet-5-5', usage, durationMs: 12 };
    const report = {
      kind: 'diagnosis',
      text: 'It is down.',
      verdict: 'confirmed',
      evidence: [{ source: 'call-1', quote: 'HTTP 401 Unauthorized' }],
      droppedQuotes: 0,
      model: 'claude-sonnet-5-5',
      usage,
      costUsd: 0.0016,
      durationMs: 20,
      calls: [call],
      toolCalls: [{ source: 'call-1', name: 'http_check', status: 'execution_error', durationMs: 1, excType: 'Error' }],
    };
    const plain = {
      enqueuedAt: 2,
      investigatedAt: 3,
      outcome: 'diagnosis',
      outcomeAt: 4,
      dmStatus: 'sent',
      suppressed: 5,
      lastSuppressedAt: 6,
    };
    await ns.redis.hset(ns.keys.wake('w-1'), {
      row: JSON.stringify({ ...row, snapshotDetails: { cut: 'too large' }, emittedAt: 1 }),
      report: JSON.stringify(report),
      posted: JSON.stringify({ channel: 'D1', ts: '1.2', note: '\n\n(late)' }),
      ...plain,
    });
    expect(await readWakeRecord(ns.redis, ns.keys, 'w-1')).toEqual({
      joinedInto: null,
      failure: null,
      dismissed: null,
      recoveredAt: null,
      incidentId: null,
      stormId: null,
      feedback: null,
      wakeId: 'w-1',
      row: { ...row, snapshotDetails: { cut: 'too large' }, emittedAt: 1 },
      report,
      posted: { channel: 'D1', ts: '1.2', note: '\n\n(late)' },
      ...plain,
    });
  });

  test('keeps a row with lone surrogates and control characters', async ({ ns }) => {
    const wake = aWake({ title: 'cut \ud83d', detail: 'a\u0000b\u2028c', snapshotDetails: { key: 'x\udc00' } });
    await recordInvestigation(ns.redis, ns.keys, wake, fallbackReport('refused'), 1);
    const record = await readWakeRecord(ns.redis, ns.keys, wake.id);
    expect(record?.row.title).toBe('cut \ufffd');
    expect(record?.row.detail).toBe('a\u0000b\u2028c');
    expect(record?.report).toEqual(fallbackReport('refused'));
  });

  test.for(['not json', '{}', '[]', '{"kind":"diagnosis","text":5}', 'null'])(
    'with the corrupt field %s is read without it, and breaks no list',
    async (corrupt, { ns }) => {
      for (const id of ['w-1', 'w-2']) {
        await recordInvestigation(ns.redis, ns.keys, aWake({ id }), fallbackReport('refused'), 1);
      }
      await ns.redis.hset(ns.keys.wake('w-1'), {
        report: corrupt,
        posted: corrupt,
        outcome: corrupt,
        enqueuedAt: corrupt,
      });
      const page = { limit: 10, since: 0 };
      const { entries } = await listWakeRecords(ns.redis, ns.keys, {}, page);
      expect(entries.map(({ wakeId, report, posted }) => [wakeId, report?.kind, posted])).toEqual([
        ['w-2', 'fallback', null],
        ['w-1', undefined, null],
      ]);
      await ns.redis.hset(ns.keys.wake('w-1'), 'row', corrupt);
      expect((await listWakeRecords(ns.redis, ns.keys, {}, page)).entries.map(({ wakeId }) => wakeId)).toEqual(['w-2']);
    },
  );
});
