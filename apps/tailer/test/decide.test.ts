/** Decisions in batches against decisions one by one, and both against what the contract says in a few lines. */
import { createHash } from 'node:crypto';
import { redact } from '@kora-wake/shared/core/redact';
import { rowTraces } from '@kora-wake/shared/tracing';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { type Namespace, namespace, removeNamespace, test, testLog, wakeRow } from '../../../test/support/fixtures.ts';
import { tallyOf } from '../src/checkpoint.ts';
import { type Batch, batchOf, type Decider, type Decision } from '../src/decide.ts';
import type { Line } from '../src/scan.ts';

const NOW = Date.parse('2026-11-24T03:00:00Z');
const MAX_AGE_MS = 3_600_000;

interface Settings {
  windowMs: 0 | 600_000;
  bypassCritical: boolean;
}

/** What a row asks for, and how its line is written. */
interface Ask {
  probe: string | number;
  critical: boolean;
  kind: 'wake' | 'stale' | 'malformed' | 'bad' | 'other';
}

/** Two of them are the same once their secrets are out, and two once they are text. */
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

/** What was decided, in a word. */
function said(decision: Decision): string {
  if (decision.kind === 'enqueued') return decision.wake.id;
  if (decision.kind === 'coalesced') return `into ${decision.winner}`;
  return decision.kind === 'rejected' ? decision.reason : decision.bad ? 'bad' : 'other';
}

/** The contract, for a time in which no window ends. */
function expected(asks: Ask[], { windowMs, bypassCritical }: Settings): string[] {
  const windows = new Map<string, string>();
  return linesOf(asks).map(({ bytes, offset }, i) => {
    const { probe, critical, kind } = asks[i] as Ask;
    if (kind !== 'wake') return kind;
    const id = `w-${createHash('sha256').update(bytes).update(`\n${offset}`).digest('hex').slice(0, 32)}`;
    const pair = redact(String(probe));
    const holder = windows.get(pair);
    if (windowMs > 0 && holder && !(bypassCritical && critical)) return `into ${holder}`;
    windows.set(pair, id);
    return id;
  });
}

function deciderFor({ redis, queue, keys }: Namespace, policy: Settings): Decider {
  return {
    redis,
    queue,
    keys,
    policy,
    maxAgeMs: MAX_AGE_MS,
    redact,
    traces: rowTraces(),
    now: () => NOW,
    log: testLog().logger,
  };
}

function batchWith(decider: Decider, lines: Line[], again = false): Batch {
  const batch = batchOf(decider, again);
  // A line is valid only while it is taken.
  const bytes = Buffer.alloc(2_000);
  for (const line of lines) batch.take({ ...line, bytes: bytes.subarray(0, line.bytes.copy(bytes.fill(0))) });
  return batch;
}

async function decided(decider: Decider, lines: Line[], again = false): Promise<Decision[]> {
  const decisions = await batchWith(decider, lines, again).decide(async () => true);
  if (!decisions) throw new Error('the log was said not to be ours');
  return decisions;
}

/** In its own namespace, so that each run begins with no window open. */
async function inNamespace<T>(use: (ns: Namespace) => Promise<T>): Promise<T> {
  const ns = await namespace();
  try {
    return await use(ns);
  } finally {
    await removeNamespace(ns);
  }
}

describe('a batch', () => {
  test('is decided as its rows would be one by one, and counted the same', { timeout: 60_000 }, async () => {
    await fc.assert(
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
                const decisions: Decision[] = [];
                for (const part of parts) decisions.push(...(await decided(deciderFor(ns, policy), part)));
                const { counters, suppressed, opened, enqueued } = tallyOf(decisions, 0, NOW);
                const jobs = (await ns.queue.getWaiting()).map(({ id, data }) => [id, data.wake.title]);
                const windows = await Promise.all([...opened].map((id) => ns.redis.get(ns.keys.dedup(id))));
                return { said: decisions.map(said), counters, suppressed, opened, enqueued, jobs, windows };
              }),
            ),
          );
          expect(together).toEqual(singly);
          expect(together?.said).toEqual(expected(asks, policy));
        },
      ),
      { numRuns: 400 },
    );
  });

  test('that was decided before, in whole or in part and by other settings, adds nothing for what was', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(ask, { minLength: 1, maxLength: 20 }),
        fc.nat(20),
        settings,
        settings,
        async (asks, upTo, before, after) => {
          const lines = linesOf(asks);
          await inNamespace(async (ns) => {
            const first = await decided(deciderFor(ns, before), lines.slice(0, upTo));
            const had = first.flatMap((decision) => (decision.kind === 'enqueued' ? [decision.wake.id] : []));
            const again = await decided(deciderFor(ns, after), lines, true);
            const has = again.flatMap((decision) => (decision.kind === 'enqueued' ? [decision.wake.id] : []));
            expect(has).toEqual(expect.arrayContaining(had));
            const jobs = (await ns.queue.getWaiting()).map(({ id = '' }) => id);
            expect(jobs.toSorted()).toEqual(has.toSorted());
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  test('of one pair asks Redis once, however many rows it has', async ({ ns }) => {
    const lines = linesOf(Array.from({ length: 500 }, () => ({ probe: 'fly', critical: true, kind: 'wake' })));
    const before = await commandsOf(ns);
    const decisions = await decided(deciderFor(ns, { windowMs: 600_000, bypassCritical: false }), lines);
    expect(decisions.filter(({ kind }) => kind === 'coalesced')).toHaveLength(499);
    expect((await commandsOf(ns)) - before).toBeLessThan(10);
  });

  test('lets a critical wake through, also where the tailer of another log opens the window at the same moment', async ({
    ns,
  }) => {
    const decider = deciderFor(ns, { windowMs: 600_000, bypassCritical: true });
    const lines = linesOf(Array.from({ length: 4 }, () => ({ probe: 'fly', critical: true, kind: 'wake' })));
    const decisions = await Promise.all([decided(decider, lines.slice(0, 2)), decided(decider, lines.slice(2))]);
    expect(decisions.flat().map(({ kind }) => kind)).toEqual(['enqueued', 'enqueued', 'enqueued', 'enqueued']);
  });

  test('is left undecided once the log is no longer ours', async ({ ns }) => {
    const decider = deciderFor(ns, { windowMs: 600_000, bypassCritical: false });
    const lines = linesOf([{ probe: 'fly', critical: false, kind: 'wake' }]);
    expect(await batchWith(decider, lines).decide(async () => false)).toBeUndefined();
    expect(await ns.queue.getWaitingCount()).toBe(0);
  });
});

function cutAt(lines: Line[], cuts: number[]): Line[][] {
  const places = [0, ...cuts.filter((cut) => cut < lines.length).toSorted((a, b) => a - b), lines.length];
  return places.slice(1).map((end, i) => lines.slice(places[i], end));
}

/** How many commands scripts were sent as. */
async function commandsOf({ redis }: Namespace): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_evalsha?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
