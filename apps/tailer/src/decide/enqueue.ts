/** Adds jobs to the wakes queue. BullMQ's deduplication decides whether a row is enqueued or coalesced. */
import type { Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { RowTraces } from '@kora-wake/shared/runtime/tracing';
import { hadCritical } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type WakesQueue, wakeJobOptions } from '@kora-wake/shared/store/queues';
import { passWindows } from '@kora-wake/shared/store/windows';
import type { DebouncePolicy } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { type WakeRow, wakeId } from './rows.ts';

/** Connections and settings that the decisions need. */
export interface Decider {
  /** `KORA_SOURCE_NAME`; part of the wake ids. */
  sourceName: string | undefined;
  redis: RedisClient;
  queue: WakesQueue;
  keys: Keys;
  policy: DebouncePolicy;
  /** Whether rows form incidents. Without them recoveries are ignored, and each wake stands alone. */
  hasIncidents: boolean;
  /** An older row is stale, ms; 0 = no limit. */
  maxAgeMs: number;
  /** Removes secrets from rows, so that no job contains one. */
  redact: Redact;
  traces: RowTraces;
  now(): number;
  log: Logger;
}

/** A row that Redis decides. */
export interface Candidate {
  wake: Wake;
  dedupId: string;
  /**
   * `yes`: the row passes an open window, since it is critical and the policy allows it. `first`: it does so if it is the first
   * critical row of its incident.
   */
  bypasses: 'yes' | 'first' | 'no';
  /** Id of the wake that holds the window, once Redis decided. */
  winner: string | undefined;
  /** Number of later rows of the same pair in the batch, which get the same answer. */
  followers: number;
}

/** Whether any of these rows has a job. */
export async function anyEnqueued({ redis, queue, sourceName }: Decider, rows: WakeRow[]): Promise<boolean> {
  return rows.length > 0 && (await redis.exists(rows.map(({ line }) => queue.toKey(wakeId(line, sourceName))))) > 0;
}

/**
 * Adds a job for each candidate and sets its `winner`: its own wake id, or the id of the wake that holds the window.
 *
 * @param mayAdd whether the log is still ours; called right before jobs are added
 * @returns false if the log is no longer ours
 */
export async function enqueue(
  decider: Decider,
  candidates: Candidate[],
  mayAdd: () => Promise<boolean>,
): Promise<boolean> {
  const { redis, queue, keys, policy, traces } = decider;
  const passes = await passingOf(decider, candidates);
  const optionsOf = new Map(candidates.map(({ wake }) => [wake, wakeJobOptions(wake, policy, traces.begin(wake))]));
  for (let left = candidates; left.length > 0; ) {
    const jobsToAdd = left.map(({ wake }) => ({
      name: 'wake' as const,
      data: { wake },
      opts: optionsOf.get(wake) ?? {},
    }));
    const passing = left
      .filter((candidate) => passes.has(candidate))
      .map(({ wake, dedupId }) => ({ window: dedupId, jobKey: queue.toKey(wake.id) }));
    if (!(await mayAdd())) return false;
    // Both are sent over the same connection without a pause. A crash in between would close a window without a new wake.
    const [, jobs] = await Promise.all([passWindows(redis, keys, passing), queue.addBulk(jobsToAdd)]);
    for (const [i, candidate] of left.entries()) candidate.winner = jobs[i]?.id ?? candidate.wake.id;
    // The tailer of another log may open the window between the two calls. Then try again: a critical wake must pass.
    left = left.filter((candidate) => passes.has(candidate) && candidate.winner !== candidate.wake.id);
  }
  return true;
}

/** The candidates that pass an open window. */
async function passingOf({ redis, keys }: Decider, candidates: Candidate[]): Promise<Set<Candidate>> {
  const maybe = candidates.filter(({ bypasses }) => bypasses === 'first');
  const had = await hadCritical(
    redis,
    keys,
    maybe.map(({ dedupId }) => dedupId),
  );
  return new Set([...candidates.filter(({ bypasses }) => bypasses === 'yes'), ...maybe.filter((_, i) => !had[i])]);
}
