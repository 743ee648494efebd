/** Decides rows against Redis: adds the job of each row that becomes a wake. BullMQ's deduplication is the debounce window. */
import { type Decision, decideRow } from '@kora-wake/shared/policy/decide';
import type { RowSettings, Settings } from '@kora-wake/shared/policy/settings';
import type { Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { RowTraces } from '@kora-wake/shared/runtime/tracing';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type WakesQueue, wakeJobOptions } from '@kora-wake/shared/store/queues';
import { passWindows } from '@kora-wake/shared/store/windows';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { Wake } from '@kora-wake/shared/wake/wake';
import type { PairStates } from './pairs.ts';
import { type WakeRow, wakeId } from './rows.ts';

/** Connections and settings that the decisions need. */
export interface Decider {
  /** `KORA_SOURCE_NAME`; part of the wake ids. */
  sourceName: string | undefined;
  redis: RedisClient;
  queue: WakesQueue;
  keys: Keys;
  /** The settings in force. A batch uses the same ones for all its rows. */
  settings(): Settings;
  /** Whether rows form incidents. Without them recoveries are ignored, and each wake stands alone. */
  hasIncidents: boolean;
  /** An older row is stale, ms; 0 = no limit. */
  maxAgeMs: number;
  /** Removes secrets from rows, so that no job contains one. */
  redact: Redact;
  traces: RowTraces;
  now(): number;
  /** The time by Redis's clock, ms since the epoch: mutes begin and end at the same time for all tailers. */
  redisNow(): number;
  log: Logger;
}

/** A row that is decided on its own. */
export interface Candidate {
  wake: Wake;
  dedupId: string;
  settings: RowSettings;
  /** Whether the decision needs the stored state of the pair. Otherwise BullMQ's answer is enough. */
  needsState: boolean;
  /** True if its job exists: it keeps its decision. */
  isEnqueued: boolean;
  /** Number of later rows of the same pair in the batch, which get the same answer. */
  followers: number;
  /** Its decision once it is made. A row whose window another wake opened first is coalesced into that wake. */
  decision: Decision | undefined;
}

/** The ids of these rows that have a job. */
export async function enqueuedIds({ redis, queue, sourceName }: Decider, rows: WakeRow[]): Promise<Set<string>> {
  const ids = rows.map(({ line }) => wakeId(line, sourceName));
  if (ids.length === 0) return new Set();
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.exists(queue.toKey(id));
  const answers = await pipeline.exec();
  const failed = answers?.find(([error]) => error)?.[0];
  if (!answers || failed) throw failed ?? new Error('Redis did not answer');
  return new Set(ids.filter((_, i) => answers[i]?.[1] === 1));
}

/**
 * Decides rows of which none depends on another one, and sets their `decision`.
 *
 * @param now time of the batch by Redis's clock, ms since the epoch
 * @param mayAdd whether the log is still ours; called right before jobs are added
 * @returns false if the log is no longer ours
 */
export async function decideRound(
  decider: Decider,
  round: Candidate[],
  pairs: PairStates,
  now: number,
  mayAdd: () => Promise<boolean>,
): Promise<boolean> {
  const { hasIncidents } = decider;
  await pairs.read(round);
  for (const candidate of round) {
    const { isEnqueued, settings, wake } = candidate;
    const state = pairs.stateOf(candidate);
    candidate.decision = isEnqueued
      ? { kind: 'enqueued', windowMs: settings.windowMs, buffered: state.buffered, passes: false }
      : decideRow(wake.severity, settings, state, { now, hasIncidents });
  }
  if (!(await enqueue(decider, round, mayAdd))) return false;
  for (const candidate of round) pairs.decided(candidate);
  return true;
}

interface Opening extends Candidate {
  decision: Extract<Decision, { kind: 'enqueued' }>;
}

function isOpening(candidate: Candidate): candidate is Opening {
  return candidate.decision?.kind === 'enqueued';
}

/** Another wake opened the window first. */
function lose(candidate: Candidate, holder: string): void {
  candidate.decision = { kind: 'coalesced', holder };
}

/** Adds a job for each row that is to be a wake. If another wake holds the window, the row is coalesced into that one. */
async function enqueue(decider: Decider, round: Candidate[], mayAdd: () => Promise<boolean>): Promise<boolean> {
  const { redis, queue, keys, traces } = decider;
  let left = round.filter(isOpening);
  const optionsOf = new Map(
    left.map(({ wake, decision }) => [wake, wakeJobOptions(wake, decision.windowMs, traces.begin(wake))]),
  );
  while (left.length > 0) {
    const jobsToAdd = left.map(({ wake, decision }) => ({
      name: 'wake' as const,
      data: { wake: enqueuedWake(wake, decision) },
      opts: optionsOf.get(wake) ?? {},
    }));
    const passing = left
      .filter(({ decision }) => decision.passes)
      .map(({ wake, dedupId }) => ({ window: dedupId, jobKey: queue.toKey(wake.id) }));
    if (!(await mayAdd())) return false;
    // Both are sent over the same connection without a pause. A crash in between would close a window without a new wake.
    const [, jobs] = await Promise.all([passWindows(redis, keys, passing), queue.addBulk(jobsToAdd)]);
    const opened = left;
    left = [];
    for (const [i, candidate] of opened.entries()) {
      const holder = jobs[i]?.id ?? candidate.wake.id;
      if (holder === candidate.wake.id) continue;
      // The tailer of another log may open the window between the two calls. Then try again: a critical wake must pass.
      if (candidate.decision.passes) left.push(candidate);
      else lose(candidate, holder);
    }
  }
  return true;
}

/** The wake with the facts that its decision adds. */
export function enqueuedWake(wake: Wake, { buffered, closes }: Opening['decision']): Wake {
  return { ...wake, ...(buffered > 0 && { buffered }), ...(closes !== undefined && { closed: closes }) };
}
