/**
 * The same random logs and policies, decided by the tailer with Redis and by the store of a backtest: both give the same decisions,
 * counts and states. The time of Redis is moved by making its TTLs shorter and its stored times older.
 */
import { memoryStore } from '@kora-wake/shared/policy/memory-store';
import { readAccount } from '@kora-wake/shared/store/account';
import { recordFollowed } from '@kora-wake/shared/store/checkpoint';
import { expireIncidents } from '@kora-wake/shared/store/incidents';
import { readPairStates } from '@kora-wake/shared/store/pair-state';
import { recordOutcome } from '@kora-wake/shared/store/wake-record';
import { debounceId } from '@kora-wake/shared/wake/pair';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { type Namespace, removeKeys, test } from '../../../../test/support/fixtures.ts';
import { assertBounded, lastRun } from '../../../../test/support/property.ts';
import type { Decided } from '../../src/decide/batch.ts';
import { committing, fires, NOW, recovers } from '../committing.ts';
import { fixedSettings } from '../settings.ts';

const MINUTE = 60_000;
/** No limit of a window, a count or a reopening is a sum of these, except for those that both stores reach at the same step. */
const STEP_MS = 4 * MINUTE;
const QUIET_MS = 120 * MINUTE;
const SENDER_QUIET_MS = 200 * MINUTE;

const RULES = [
  '',
  'rules: [{ consecutive: 2 }]',
  'rules: [{ match: { severity: [warning, info] }, consecutive: 3, window: 12m }]',
  'rules: [{ match: { probe: a }, window: 8m, backoff: { factor: 2, max: 40m } }, { consecutive: 2, window: 16m }]',
  'rules: [{ match: { probe: "*" }, mute: [{ cron: "*/20 * * * *", for: 8m, reason: tests }] }]',
  'rules: [{ match: { severity: [critical, warning] }, mute: [{ cron: "*/16 * * * *", for: 4m }], consecutive: 2 }]',
  'rules: [{ match: { severity: critical }, window: 0s }, { match: { category: c }, consecutive: 2 }]',
];

interface Row {
  probe: 'a' | 'b';
  severity: 'critical' | 'warning';
  instance: '' | '1' | '2';
  sender: '' | 'tool';
  /** `all`: the whole pair. `sender`: the pair is not named. */
  recovers: 'no' | 'instance' | 'all' | 'sender';
}

const row: fc.Arbitrary<Row> = fc.record({
  probe: fc.constantFrom('a', 'b'),
  severity: fc.constantFrom('warning', 'warning', 'critical'),
  instance: fc.constantFrom('', '', '1', '2'),
  sender: fc.constantFrom('', '', 'tool'),
  recovers: fc.constantFrom('no', 'no', 'no', 'no', 'instance', 'all', 'sender'),
});

const history = fc.array(
  fc.record({
    /** Steps of time before the rows. */
    after: fc.constantFrom(0, 1, 2, 3, 5, 9, 31, 51),
    rows: fc.array(row, { minLength: 1, maxLength: 6 }),
    dies: fc.boolean(),
  }),
  { minLength: 1, maxLength: 10 },
);

const setup = fc.record({
  rules: fc.constantFrom(...RULES),
  windowMs: fc.constantFrom(0, 8 * MINUTE, 20 * MINUTE),
  consecutive: fc.constantFrom(1, 1, 2),
  bypassCritical: fc.boolean(),
  hasIncidents: fc.constantFrom(true, true, false),
});

type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never;
type Step = (typeof history extends fc.Arbitrary<infer T> ? T : never)[number];

/** Moves Redis into the future. KEYS: open incidents, all incidents, then windows and counts. ARGV: ms, prefix of incidents. */
const ADVANCE = `
local ms = tonumber(ARGV[1])
for i = 3, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left > ms then redis.call('PEXPIRE', KEYS[i], left - ms) elseif left > 0 then redis.call('DEL', KEYS[i]) end
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  for _, field in ipairs({'openedAt', 'startedAt', 'closedAt', 'lastRowAt'}) do
    if redis.call('HEXISTS', ARGV[2] .. id, field) == 1 then redis.call('HINCRBY', ARGV[2] .. id, field, -ms) end
  end
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ms, id) end
`;

const idOf = (probe: string) => debounceId(probe, 'c');

/** Sums up the decisions on the rows of one step, without their order. */
function summary(batches: Decided[]) {
  const counts = new Map<string, number>();
  const add = (name: string, rows: number) => void counts.set(name, (counts.get(name) ?? 0) + rows);
  for (const { enqueued, coalesced, buffered, muted } of batches) {
    for (const { id, buffered: before = 0 } of enqueued) add(`enqueued ${id} after ${before}`, 1);
    for (const { winner, rows } of coalesced) add(`coalesced ${winner}`, rows);
    for (const { first, rows } of buffered) add(`buffered ${first.probe}`, rows);
    for (const { probe, reason, rows } of muted) add(`muted ${probe}: ${reason}`, rows);
  }
  return Object.fromEntries(counts);
}

async function run(ns: Namespace, { rules, hasIncidents, ...debounce }: Setup, steps: Step[]): Promise<void> {
  const { redis, keys } = ns;
  let now = NOW;
  const settings = fixedSettings(debounce, rules);
  const log = await committing(ns, { debounce, rules, hasIncidents, redisNow: () => now });
  await recordFollowed(redis, keys, 's', 1);
  const memory = memoryStore({
    settings: settings(),
    hasIncidents,
    quietMs: QUIET_MS,
    senderQuietMs: SENDER_QUIET_MS,
  });
  const pairs = ['a', 'b'].map(idOf);
  const timed = [keys.openIncidents, keys.incidents, ...pairs.map(keys.dedup), ...pairs.map(keys.buffered)];
  const recovered = { closed: 0, partial: 0, ignored: 0 };
  let made = 0;
  for (const { after, rows, dies } of steps) {
    for (let left = after; left > 0; ) {
      // An incident expires at one of the steps. Without one, nothing happens between them.
      const steps = (await redis.zcard(keys.openIncidents)) > 0 ? 1 : left;
      await redis.eval(ADVANCE, timed.length, ...timed, steps * STEP_MS, keys.incident(''));
      now += steps * STEP_MS;
      left -= steps;
      await expireIncidents(redis, keys, ['s'], { quietMs: QUIET_MS, senderQuietMs: SENDER_QUIET_MS });
    }
    const lines = rows.map(({ probe, severity, instance, sender, recovers: kind }) => {
      const details = { instance, received_from: sender };
      if (kind === 'no') return fires({ probe, ...details }, { severity, title: `row ${++made}` });
      if (kind === 'sender' && instance !== '' && sender !== '') return recovers(details);
      return recovers({ probe, category: 'c', ...(kind === 'all' ? {} : details) });
    });
    if (dies) await log.commit(lines, { dies: true });
    const { all, ids } = await log.commit(lines, { mayReplay: dies });
    // As workers do: an incident with a wake that is not sent does not expire.
    for (const { id, probe, category } of all.flatMap(({ enqueued }) => enqueued)) {
      await recordOutcome(redis, keys, { wake: { id, probe, category }, outcome: 'diagnosis', at: Date.now() });
    }
    const expected = new Map<string, number>();
    for (const [i, { probe, severity, instance, sender, recovers: kind }] of rows.entries()) {
      const id = ids[i] ?? '';
      const given = { pair: idOf(probe), severity, instance, sender };
      if (kind === 'no') {
        const decision = memory.row(given, id, now);
        const name = {
          enqueued: () => `enqueued ${id} after ${decision.kind === 'enqueued' ? decision.buffered : ''}`,
          coalesced: () => `coalesced ${decision.kind === 'coalesced' ? decision.holder : ''}`,
          buffered: () => `buffered ${probe}`,
          muted: () => `muted ${probe}: ${decision.kind === 'muted' ? decision.reason : ''}`,
        }[decision.kind]();
        expected.set(name, (expected.get(name) ?? 0) + 1);
      } else if (kind === 'sender' && instance !== '' && sender !== '') {
        recovered[memory.recover({ pair: '', instance, sender }, now)]++;
      } else {
        const whole = kind === 'all';
        recovered[
          memory.recover({ pair: idOf(probe), instance: whole ? '' : instance, sender: whole ? '' : sender }, now)
        ]++;
      }
    }
    expect(summary(all)).toEqual(Object.fromEntries(expected));
    const states = await readPairStates(redis, keys, ['a', 'b'].map(idOf));
    expect(states.map(({ holder, buffered, wakes }) => [holder, buffered, hasIncidents ? wakes : undefined])).toEqual(
      ['a', 'b'].map((probe) => {
        const { holder, buffered, wakes } = memory.stateOf(idOf(probe), now);
        return [holder, buffered, wakes];
      }),
    );
  }
  const account = await readAccount(redis, keys);
  expect(account.recovered).toEqual(recovered);
  // No worker ends the wakes here.
  expect(account.rows - account.enqueued - account.coalesced - account.buffered - account.muted).toBe(0);
}

test('a backtest decides as the tailer does, also if it dies between its steps', async ({ ns }) => {
  const runs = lastRun(async (given: Setup, steps: Step[]) => {
    await removeKeys(ns);
    await run(ns, given, steps);
  });
  await assertBounded(fc.asyncProperty(setup, history, runs.run), 'stores', 10_000);
  await runs.ended();
});
