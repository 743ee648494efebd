/**
 * Random histories: rows of several pairs, commits that are sent twice, tailers that die before their commit, reports, outcomes, retries of
 * dead letters, and withdrawn wakes. The statistics must have the sums of the account, and the hours of the records.
 */
import { readAccount } from '@kora-wake/shared/store/account';
import { readStatsByHour, readStatsByPair } from '@kora-wake/shared/store/stats';
import {
  beginDelivery,
  readWakeRecord,
  recordInvestigation,
  recordOutcome,
  reopen,
  wakeFromRecord,
  withdrawIfOver,
} from '@kora-wake/shared/store/wake-record';
import { microUsd } from '@kora-wake/shared/wake/budget';
import { VERDICTS } from '@kora-wake/shared/wake/outcome';
import { NO_USAGE, type Report } from '@kora-wake/shared/wake/report';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { type Namespace, removeKeys, test } from '../../../../test/support/fixtures.ts';
import { assertBounded, lastRun } from '../../../../test/support/property.ts';
import { committing, fires, NOW } from '../committing.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PERIOD = { from: NOW - (NOW % DAY) - DAY, to: NOW + 7 * DAY };

const RULES = `rules:
  - match: { probe: muted }
    mute: [{ cron: "* * * * *", for: 1m, reason: night }]
  - match: { probe: counted }
    consecutive: 2
`;

const row = fc.record({
  probe: fc.constantFrom('fly', 'fly', 'sentry', 'muted', 'counted'),
  severity: fc.constantFrom('warning', 'critical'),
});
/** Which wake, counted from the first; and when, in hours after the rows. */
const wakeStep = { wake: fc.nat(9), hour: fc.nat(60) };
const step = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('rows' as const),
      rows: fc.array(row, { minLength: 1, maxLength: 6 }),
      dies: fc.boolean(),
      isSentTwice: fc.boolean(),
      windowEnds: fc.boolean(),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      ...wakeStep,
      verdict: fc.option(fc.constantFrom(...VERDICTS)),
      costUsd: fc.constantFrom(0, 0.0016, 1.25),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      ...wakeStep,
      outcome: fc.constantFrom('diagnosis', 'fallback', 'dry_run', 'joined', 'dead', 'dead'),
      isSentTwice: fc.boolean(),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      kind: fc.constantFrom('retry' as const, 'deliver' as const, 'withdraw' as const),
      ...wakeStep,
    }),
    weight: 3,
  },
);
const steps = fc.array(step, { minLength: 1, maxLength: 15 });
type Step = typeof steps extends fc.Arbitrary<Array<infer T>> ? T : never;

type Amounts = Map<string, number>;
const addTo = (amounts: Amounts, name: string, amount: number) => amounts.set(name, (amounts.get(name) ?? 0) + amount);
const nonZero = (amounts: Amounts) => Object.fromEntries([...amounts].filter(([, n]) => n !== 0));

async function runHistory(ns: Namespace, history: Step[]): Promise<void> {
  const { redis, keys } = ns;
  const ids = new Set<string>();
  /** Cost of all reports, since one that is replaced was paid too. */
  let microUsdOfAll = 0;
  const { commit } = await committing(ns, { rules: RULES });

  async function addRows({ rows, dies, isSentTwice, windowEnds }: Extract<Step, { kind: 'rows' }>): Promise<void> {
    if (windowEnds) await redis.del(keys.dedup('fly:c'));
    const lines = rows.map(({ probe, severity }) => fires({}, { probe, severity }));
    if (dies) await commit(lines, { dies });
    const { decided } = await commit(lines, { mayReplay: dies, isSentTwice });
    for (const { id } of decided.enqueued) ids.add(id);
  }

  async function changeWake(change: Exclude<Step, { kind: 'rows' }>): Promise<void> {
    const record = await readWakeRecord(redis, keys, [...ids][change.wake] ?? '');
    if (!record) return;
    const wake = wakeFromRecord(record);
    const at = NOW + change.hour * HOUR;
    if (change.kind === 'retry') await reopen(redis, keys, wake.id, at);
    if (change.kind === 'deliver') await beginDelivery(redis, keys, wake, at);
    if (change.kind === 'withdraw') {
      await redis.hset(keys.wake(wake.id), 'resolvedAt', at);
      for (let i = 0; i < 2; i++) await withdrawIfOver(redis, keys, wake, at, true);
    }
    if (change.kind === 'end') {
      const { outcome, isSentTwice } = change;
      for (let i = 0; i < (isSentTwice ? 2 : 1); i++) await recordOutcome(redis, keys, { wake, outcome, at });
    }
    if (change.kind === 'report') {
      const report = reportOf(change.verdict, change.costUsd);
      const before = record.report;
      if (!before || verdictOf(before) !== verdictOf(report) || before.costUsd !== report.costUsd) {
        microUsdOfAll += microUsd(change.costUsd);
      }
      for (let i = 0; i < 2; i++) await recordInvestigation(redis, keys, wake, report, at + i * HOUR);
    }
  }

  for (const each of history) await (each.kind === 'rows' ? addRows(each) : changeWake(each));
  await compare(ns, [...ids], microUsdOfAll);
}

function reportOf(verdict: (typeof VERDICTS)[number] | null, costUsd: number): Report {
  const common = { model: null, usage: NO_USAGE, costUsd, durationMs: 1, calls: [] };
  return verdict === null
    ? { ...common, kind: 'fallback', code: 'refused' }
    : { ...common, kind: 'diagnosis', text: 'It is down.', verdict };
}

const verdictOf = (report: Report) => (report.kind === 'diagnosis' ? report.verdict : undefined);

async function compare(ns: Namespace, ids: string[], microUsdOfAll: number): Promise<void> {
  const { redis, keys } = ns;
  const sums: Amounts = new Map();
  const ofHours: Amounts = new Map();
  await readStatsByHour(redis, keys, PERIOD, (name, amount, hour = 0) => {
    addTo(sums, name, amount);
    if (name.startsWith('o:')) addTo(ofHours, `${name} ${hour}`, amount);
  });
  const ofPairs: Amounts = new Map();
  const sumsOfPairs: Amounts = new Map();
  await readStatsByPair(redis, keys, PERIOD, (pair) => (name, amount) => {
    addTo(sumsOfPairs, name, amount);
    if (name === 'w' || /^[ov]:/.test(name)) addTo(ofPairs, `${pair?.probe} ${name}`, amount);
  });
  expect(nonZero(sumsOfPairs)).toEqual(nonZero(sums));

  const { enqueued, coalesced, buffered, muted, outcomes } = await readAccount(redis, keys);
  const ofRecords: Amounts = new Map();
  const outcomeHours: Amounts = new Map();
  const verdicts: Amounts = new Map();
  for (const record of await Promise.all(ids.map((id) => readWakeRecord(redis, keys, id)))) {
    if (!record) throw new Error('a wake has no record');
    const { row: of, outcome, outcomeAt, report } = record;
    addTo(ofRecords, `${of.probe} w`, 1);
    if (outcome) addTo(ofRecords, `${of.probe} o:${outcome}`, 1);
    if (outcome) addTo(outcomeHours, `o:${outcome} ${(outcomeAt ?? 0) - ((outcomeAt ?? 0) % HOUR)}`, 1);
    const verdict = report && verdictOf(report);
    if (verdict) addTo(ofRecords, `${of.probe} v:${verdict}`, 1);
    if (verdict) addTo(verdicts, `v:${verdict}`, 1);
  }
  expect(nonZero(ofPairs)).toEqual(nonZero(ofRecords));
  expect(nonZero(ofHours)).toEqual(nonZero(outcomeHours));
  const expected: Array<[string, number]> = [
    ['w', enqueued],
    ['s', coalesced],
    ['b', buffered],
    ['m', muted],
    ['u', microUsdOfAll],
    ...Object.entries(outcomes).map(([outcome, n]): [string, number] => [`o:${outcome}`, n]),
    ...verdicts,
  ];
  expect(nonZero(sums)).toEqual(nonZero(new Map(expected)));
}

const ROWS = (['fly', 'fly', 'muted', 'counted', 'sentry', 'counted', 'fly'] as const).map((probe) => ({
  probe,
  severity: 'warning' as const,
}));
/** Each kind of step, in orders that could count twice. */
const EVERYTHING: Step[] = [
  { kind: 'rows', rows: ROWS, dies: false, isSentTwice: true, windowEnds: false },
  { kind: 'rows', rows: ROWS, dies: true, isSentTwice: true, windowEnds: true },
  { kind: 'report', wake: 0, hour: 1, verdict: 'likely', costUsd: 0.0016 },
  { kind: 'report', wake: 0, hour: 30, verdict: 'confirmed', costUsd: 1.25 },
  { kind: 'report', wake: 1, hour: 1, verdict: null, costUsd: 0.0016 },
  { kind: 'end', wake: 0, hour: 1, outcome: 'dead', isSentTwice: true },
  { kind: 'retry', wake: 0, hour: 30 },
  { kind: 'deliver', wake: 0, hour: 30 },
  { kind: 'end', wake: 0, hour: 31, outcome: 'diagnosis', isSentTwice: true },
  { kind: 'end', wake: 1, hour: 1, outcome: 'dead', isSentTwice: false },
  { kind: 'deliver', wake: 1, hour: 2 },
  { kind: 'withdraw', wake: 2, hour: 40 },
  { kind: 'end', wake: 3, hour: 2, outcome: 'dead', isSentTwice: false },
  { kind: 'end', wake: 3, hour: 50, outcome: 'fallback', isSentTwice: false },
];

test('the sums of the statistics are those of the account after each kind of step', async ({ ns }) => {
  await runHistory(ns, EVERYTHING);
  const { coalesced, buffered, muted, outcomes } = await readAccount(ns.redis, ns.keys);
  expect([coalesced, buffered, muted]).toEqual([7, 1, 2]);
  expect(outcomes).toMatchObject({ diagnosis: 1, fallback: 1, withdrawn: 1, dead: 0 });
});

test('the sums of the statistics are those of the account, whatever happens', { timeout: 60_000 }, async ({ ns }) => {
  const runs = lastRun(async (history: Step[]) => {
    await removeKeys(ns);
    await runHistory(ns, history);
  });
  await assertBounded(fc.asyncProperty(steps, runs.run), 'statistics', 20_000);
  await runs.ended();
});
