/** Compares decisions in batches with decisions one by one, and both with a short model of the contract. */
import { createHash } from 'node:crypto';
import { rowTraces } from '@kora-wake/shared/runtime/tracing';
import { redact } from '@kora-wake/shared/wake/redact';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import {
  countWaiting,
  endBeforeCleanup,
  type Namespace,
  namespace,
  ownServer,
  removeNamespace,
  test,
  testLog,
  waitingJobs,
  wakeRow,
} from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { redisProcess } from '../../../../test/support/redis-process.ts';
import { tallyOf } from '../../src/checkpoint.ts';
import { type Batch, batchOf, type Decided } from '../../src/decide/batch.ts';
import type { Decider } from '../../src/decide/enqueue.ts';
import type { Line } from '../../src/log/scan.ts';
import { fixedSettings } from '../settings.ts';

const NOW = Date.parse('2026-11-24T03:00:00Z');
const MAX_AGE_MS = 3_600_000;

interface Settings {
  windowMs: 0 | 600_000;
  bypassCritical: boolean;
}

/** One row, and the form of its line. */
interface Ask {
  probe: string | number;
  critical: boolean;
  kind: 'wake' | 'stale' | 'malformed' | 'bad' | 'other';
}

/** Two of them are equal after redaction, and two as text. */
const PROBES = ['fly', 'vercel', 42, '42', 'xoxb-1111111111-aaaa', 'xoxb-2222222222-bbbb'];

const ask: fc.Arbitrary<Ask> = fc.record({
  probe: fc.constantFrom(...PROBES),
  critical: fc.boolean(),
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('wake' as const) },
    { weight: 1, arbitrary: fc.constantFrom('stale' as const, 'malformed' as const, 'bad' as const, 'other' as const) },
  ),
});

const settings: fc.Arbitrary<Settings> = fc.record({
  windowMs: fc.constantFrom(0 as const, 600_000 as const),
  bypassCritical: fc.boolean(),
});

function linesOf(asks: Ask[]): Line[] {
  let offset = 0;
  return asks.map(({ probe, critical, kind }, i) => {
    const text = wakeRow({
      emittedAt: new Date(kind === 'stale' ? NOW - MAX_AGE_MS - 1 : NOW).toISOString(),
      severity: critical ? 'critical' : 'info',
      title: `row ${i}`,
      details: { probe },
    });
    const bytes = Buffer.from(
      {
        wake: text,
        stale: text,
        bad: text.slice(0, -1),
        malformed: '{"seam":"probe.wake_requested","details":"none"}',
        other: '{"seam":"other","details":"probe.wake_requested"}',
      }[kind],
    );
    const line = { bytes, offset };
    offset += bytes.length + 1;
    return line;
  });
}

/** The sum of the decisions on some batches. */
function summed(batches: Decided[]) {
  const into = new Map<string, number>();
  for (const { winner, rows } of batches.flatMap(({ coalesced }) => coalesced)) {
    into.set(winner, (into.get(winner) ?? 0) + rows);
  }
  const sum = (of: (batch: Decided) => number) => batches.reduce((total, batch) => total + of(batch), 0);
  return {
    lines: sum(({ lines }) => lines),
    enqueued: batches.flatMap(({ enqueued }) => enqueued.map(({ id }) => id)),
    into,
    stale: sum(({ rejected }) => rejected.stale),
    malformed: sum(({ rejected }) => rejected.malformed),
    bad: sum(({ bad }) => bad),
  };
}

/** The decisions that the contract demands while no window ends. */
function expected(asks: Ask[], { windowMs, bypassCritical }: Settings): ReturnType<typeof summed> {
  const windows = new Map<string, string>();
  const into = new Map<string, number>();
  const enqueued: string[] = [];
  for (const [i, { bytes, offset }] of linesOf(asks).entries()) {
    const { probe, critical, kind } = asks[i] as Ask;
    if (kind !== 'wake') continue;
    const id = `w-${createHash('sha256').update(bytes).update(`\n${offset}`).digest('hex').slice(0, 32)}`;
    const pair = redact(String(probe));
    const holder = windows.get(pair);
    if (windowMs > 0 && holder && !(bypassCritical && critical)) {
      into.set(holder, (into.get(holder) ?? 0) + 1);
    } else {
      windows.set(pair, id);
      enqueued.push(id);
    }
  }
  const kinds = (kind: Ask['kind']) => asks.filter((each) => each.kind === kind).length;
  return {
    lines: asks.length,
    enqueued,
    into,
    stale: kinds('stale'),
    malformed: kinds('malformed'),
    bad: kinds('bad'),
  };
}

function deciderFor({ redis, queue, keys }: Namespace, policy: Settings): Decider {
  return {
    sourceName: undefined,
    redis,
    queue,
    keys,
    settings: fixedSettings(policy),
    hasIncidents: false,
    maxAgeMs: MAX_AGE_MS,
    redact,
    traces: rowTraces(),
    now: () => NOW,
    redisNow: () => NOW,
    log: testLog().logger,
  };
}

function batchWith(decider: Decider, lines: Line[], mayReplay = false): Batch {
  const batch = batchOf(decider, mayReplay, () => undefined);
  // A line is valid only while it is taken.
  const bytes = Buffer.alloc(2_000);
  for (const line of lines) batch.take({ ...line, bytes: bytes.subarray(0, line.bytes.copy(bytes.fill(0))) });
  return batch;
}

async function decided(decider: Decider, lines: Line[], mayReplay = false): Promise<Decided> {
  const batch = await batchWith(decider, lines, mayReplay).decide(async () => true);
  if (!batch) throw new Error('the log was said not to be ours');
  return batch;
}

/** Uses a new namespace, so that each run starts without an open window. */
async function inNamespace<T>(use: (ns: Namespace) => Promise<T>): Promise<T> {
  const ns = await namespace();
  try {
    return await use(ns);
  } finally {
    await removeNamespace(ns);
  }
}

describe('a batch', () => {
  test('is decided as its rows would be one by one, and counted the same', {
    timeout: 180_000,
  }, async () => {
    await assertBounded(
      fc.asyncProperty(
        fc.array(ask, { maxLength: 30 }),
        fc.array(fc.nat(30), { maxLength: 3 }),
        settings,
        async (asks, cuts, policy) => {
          const lines = linesOf(asks);
          const batches = cutAt(lines, cuts);
          const [singly, together] = await Promise.all(
            [lines.map((line) => [line]), batches].map((parts) =>
              inNamespace(async (ns) => {
                const decisions: Decided[] = [];
                for (const part of parts) decisions.push(await decided(deciderFor(ns, policy), part));
                const jobs = (await waitingJobs(ns.queue)).map(({ id, data }) => [id, data.wake.title]);
                const opened = new Set(
                  decisions.flatMap((batch) => [...tallyOf(batch, [], { now: () => NOW, redact }).opened]),
                );
                const windows = await Promise.all([...opened].map((id) => ns.redis.get(ns.keys.dedup(id))));
                return { decided: summed(decisions), opened, jobs, windows };
              }),
            ),
          );
          expect(together).toEqual(singly);
          expect(together?.decided).toEqual(expected(asks, policy));
        },
      ),
      'batches compared with single rows',
      400,
    );
  });

  test('that was decided before, in whole or in part and with other settings, adds no job twice', {
    timeout: 180_000,
  }, async () => {
    await assertBounded(
      fc.asyncProperty(
        fc.array(ask, { minLength: 1, maxLength: 20 }),
        fc.nat(20),
        settings,
        settings,
        async (asks, upTo, before, after) => {
          const lines = linesOf(asks);
          await inNamespace(async (ns) => {
            const first = await decided(deciderFor(ns, before), lines.slice(0, upTo));
            const had = first.enqueued.map(({ id }) => id);
            const second = await decided(deciderFor(ns, after), lines, true);
            const has = second.enqueued.map(({ id }) => id);
            expect(has).toEqual(expect.arrayContaining(had));
            const jobs = (await waitingJobs(ns.queue)).map(({ id = '' }) => id);
            expect(jobs.toSorted()).toEqual(has.toSorted());
          });
        },
      ),
      'replayed batches',
      400,
    );
  });

  test('of one pair asks Redis once, however many rows it has', async ({ folder }) => {
    // A server of its own, since the number of calls is the server's.
    const server = await ownServer(redisProcess(folder));
    const ns = await namespace(`redis://127.0.0.1:${server.port}`);
    endBeforeCleanup(() => removeNamespace(ns));
    const lines = linesOf(Array.from({ length: 500 }, () => ({ probe: 'fly', critical: true, kind: 'wake' })));
    const before = await commandsOf(ns);
    const { enqueued, coalesced } = await decided(deciderFor(ns, { windowMs: 600_000, bypassCritical: false }), lines);
    expect(coalesced).toEqual([{ first: enqueued[0], winner: enqueued[0]?.id, rows: 499 }]);
    expect((await commandsOf(ns)) - before).toBeLessThan(10);
  });

  test('lets a critical wake pass, even if the tailer of another log opens the window at the same moment', async ({
    ns,
  }) => {
    const decider = deciderFor(ns, { windowMs: 600_000, bypassCritical: true });
    const lines = linesOf(Array.from({ length: 4 }, () => ({ probe: 'fly', critical: true, kind: 'wake' })));
    const decisions = await Promise.all([decided(decider, lines.slice(0, 2)), decided(decider, lines.slice(2))]);
    expect(decisions.map(({ enqueued, coalesced }) => [enqueued.length, coalesced])).toEqual([
      [2, []],
      [2, []],
    ]);
  });

  test('is full at its limit of jobs, lines, or bytes', ({ ns }) => {
    const [line] = linesOf([{ probe: 'fly', critical: false, kind: 'wake' }]);
    const long = { bytes: Buffer.from(wakeRow({ detail: 'x'.repeat(1_000_000) })), offset: 0 };
    const takes = (windowMs: Settings['windowMs'], mayReplay: boolean, taken: Line) => {
      const batch = batchOf(deciderFor(ns, { windowMs, bypassCritical: false }), mayReplay, () => undefined);
      let lines = 0;
      for (; !batch.full(); lines++) batch.take(taken);
      return lines;
    };
    expect([takes(600_000, false, line!), takes(0, false, line!), takes(600_000, true, line!)]).toEqual([
      65_536, 1_024, 1_024,
    ]);
    expect([takes(600_000, true, long), takes(0, false, long)]).toEqual([5, 5]);
  });

  test('is left undecided once the log is no longer ours', async ({ ns }) => {
    const decider = deciderFor(ns, { windowMs: 600_000, bypassCritical: false });
    const lines = linesOf([{ probe: 'fly', critical: false, kind: 'wake' }]);
    expect(await batchWith(decider, lines).decide(async () => false)).toBeUndefined();
    expect(await countWaiting(ns.queue)).toBe(0);
  });
});

function cutAt(lines: Line[], cuts: number[]): Line[][] {
  const places = [0, ...cuts.filter((cut) => cut < lines.length).toSorted((a, b) => a - b), lines.length];
  return places.slice(1).map((end, i) => lines.slice(places[i], end));
}

/** Number of script calls that Redis has executed. */
async function commandsOf({ redis }: Namespace): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_evalsha?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
