/**
 * Decides the rows of a batch. Each wake row is enqueued, coalesced into the wake that holds its window, buffered, muted, or
 * rejected with a reason. If a row is decided again after a crash before the commit, it gets the same wake id, and so the same job.
 *
 * Within a batch only the first row of each pair is decided on its own. Later rows get the same answer, so a storm costs one
 * query per pair. There are exceptions: without a debounce window, every row is decided. If critical wakes bypass the window, every
 * critical row is, otherwise the first one of each pair, which passes the window if it is the first of its incident. If a pair needs N
 * consecutive rows, its first N rows are.
 *
 * A batch ends before a row of a pair that has recovered in it: that row is decided after the commit has closed the incident and its
 * window.
 */

import type { RowSettings } from '@kora-wake/shared/policy/settings';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { FiringChange } from '@kora-wake/shared/store/firing';
import type { CountChange } from '@kora-wake/shared/store/pair-state';
import { MAX_KEPT_UNREADABLE, type UnreadableLine } from '@kora-wake/shared/store/unreadable-lines';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { pairOfDebounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { firstChars } from '@kora-wake/shared/wake/text';
import { hasPair, pairOf, type Wake, wakeOf } from '@kora-wake/shared/wake/wake';
import type { Collector, Line } from '../log/scan.ts';
import { type Candidate, type Decider, decideRound, enqueuedIds, enqueuedWake } from './enqueue.ts';
import { firingOf } from './firing.ts';
import { pairStates } from './pairs.ts';
import type { Unreadable } from './read-line.ts';
import { dedupIds, instances, readRows, severities, type WakeRow, wakeId, writtenAt } from './rows.ts';

/** The decisions on the lines of one batch. */
export interface Decided {
  /** Number of lines. */
  lines: number;
  /** In the order of their rows. */
  enqueued: Wake[];
  /** Groups of coalesced rows. `first` is the row that was sent to Redis, `winner` the id of the wake that took the group. */
  coalesced: Array<{ first: Wake; winner: string; rows: number }>;
  /** Groups of rows of one pair that are counted until there are enough of them. */
  buffered: Array<{ first: Wake; rows: number }>;
  /** The changes of those counts. */
  counts: CountChange[];
  /** Groups of rows of one pair that are muted for one reason. */
  muted: MutedRows[];
  /** Number of rejected rows by reason. */
  rejected: Record<'stale' | 'malformed', number>;
  /** Firing rows and recoveries, in the order of their rows. */
  firing: FiringChange[];
  /** Number of parts of lines that name a seam but cannot be read. */
  bad: number;
  /** The last of them, oldest first. */
  unreadable: UnreadableLine[];
  /** When the oldest row that was not rejected was written, ms since the epoch; Infinity if there is none. */
  oldest: number;
}

/** Number of rows in some groups. */
export function rowsIn(groups: Array<{ rows: number }>): number {
  return groups.reduce((sum, { rows }) => sum + rows, 0);
}

export interface MutedRows {
  probe: string;
  category: string;
  reason: string;
  rows: number;
}

/** Collects the lines of one batch, parses each when it is taken, and decides them in their order. */
export interface Batch extends Collector {
  /**
   * Decides the lines. Call it once. Rejects if Redis does not answer; the same lines can then be decided in a new batch.
   *
   * @param mayAdd whether the log is still ours; called each time right before jobs are added
   * @returns undefined if the log is no longer ours
   */
  decide(mayAdd: () => Promise<boolean>): Promise<Decided | undefined>;
}

/** The rows of a pair that are decided on their own. */
interface PairCandidates {
  last: Candidate;
  /** The round of the last one. */
  round: number;
  rows: number;
  hadCritical: boolean;
  /** The wake ids of those that have jobs. */
  added: string[];
}

/** Rows sent to Redis in one round trip at most, so that other clients never wait long. */
const MAX_CANDIDATES = 1_000;

/** A batch of this size is decided and committed in well under a second, and little of each line stays in memory. */
const MAX_LINES = 65_536;
/**
 * Limit for rows that stay in memory. A row sent to Redis becomes a job and a part of the commit, which writes its text to
 * many keys. A row that may be a replay is kept whole until Redis was queried. Redis serves nobody else while the commit runs: about
 * 0.2 s for this many wakes.
 */
const MAX_HELD = { rows: 1_024, bytes: 4 * 1024 * 1024 };

/** Bytes of an unreadable line that are redacted. A secret at their end is cut off with the rest. */
const MAX_REDACTED_BYTES = 4_096;
/** Characters of an unreadable line that are kept for the operator. */
const MAX_KEPT_TEXT = 200;

/** The beginning of an unreadable line, for the operator. It is redacted while its secrets are whole. */
export function beginningOf(bytes: Buffer, redact: Redact): string {
  const encoding = bytes.subarray(0, 4).includes(0) ? 'utf16le' : 'utf8';
  return firstChars(redact(bytes.subarray(0, MAX_REDACTED_BYTES).toString(encoding)), MAX_KEPT_TEXT);
}

/**
 * @param mayReplay true if the lines may have been decided before, by a tailer that crashed before its commit
 * @param appendedAfter a time before which the line at an offset was certainly not in the log, ms since the epoch; undefined if
 *   there is no such time. A probe's clock may be slow, but its rows cannot be older than that.
 */
export function batchOf(
  decider: Decider,
  mayReplay: boolean,
  appendedAfter: (offset: number) => number | undefined,
): Batch {
  const { hasIncidents, maxAgeMs, redact, sourceName, log } = decider;
  const settings = decider.settings();
  const [now, clock] = [decider.now(), decider.redisNow()];
  const decided: Decided = {
    lines: 0,
    enqueued: [],
    coalesced: [],
    buffered: [],
    counts: [],
    muted: [],
    rejected: { stale: 0, malformed: 0 },
    firing: [],
    bad: 0,
    unreadable: [],
    oldest: Infinity,
  };
  const dedupIdOf = dedupIds(redact);
  const instanceIn = instances(redact);
  const severityIn = severities(redact);
  const candidates = new Map<string, PairCandidates>();
  const mutedOf = new Map<string, MutedRows>();
  const recovered = { pairs: new Set<string>(), bySender: false };
  let endsHere = false;
  /** Decided one after the other. Within a round, no candidate depends on another. */
  const rounds: Candidate[][] = [];
  const firing = firingOf();
  /** Rows that may be replays, and the recoveries between them. They are grouped once Redis shows whether they have jobs. */
  const possibleReplays: Array<WakeRow | (() => void)> = [];
  const held = { rows: 0, bytes: 0 };

  function hold({ bytes }: Line): void {
    held.rows++;
    held.bytes += bytes.length;
  }

  function take(line: Line): boolean {
    const { rows, unreadable } = readRows(line, log);
    endsHere = rows.some(({ row }) => row.kind === 'wake' && firesAgain(row.details));
    if (endsHere) return false;
    decided.lines++;
    for (const part of unreadable) keepUnreadable(part);
    for (const { line: own, row } of rows) {
      if (row.kind === 'malformed') decided.rejected.malformed++;
      if (row.kind === 'wake') takeWake(own, row.details, row.emittedAt ?? now);
      if (row.kind === 'recovered') takeRecovery(own, row.details, row.emittedAt ?? now);
    }
    return true;
  }

  /** Whether the row's pair may have recovered in this batch. */
  function firesAgain(details: JsonObject): boolean {
    const { pairs, bySender } = recovered;
    return bySender || (pairs.size > 0 && pairs.has(dedupIdOf(details)));
  }

  function takeWake(line: Line, details: JsonObject, emittedAt: number): void {
    const wakeRow = { line, details, emittedAt, appendedAfter: appendedAfter(line.offset) };
    if (mayReplay) {
      possibleReplays.push({ ...wakeRow, line: { ...line, bytes: Buffer.from(line.bytes) } });
      hold(line);
    } else group(wakeRow, false);
  }

  function takeRecovery(line: Line, details: JsonObject, emittedAt: number): void {
    const at = Math.min(writtenAt({ line, details, emittedAt, appendedAfter: appendedAfter(line.offset) }), now);
    const row = instanceIn(details);
    const isNamedBySender = !hasPair(details) && row.sender !== '' && row.instance !== '';
    const pair = isNamedBySender ? '' : dedupIdOf(details);
    const recover = () => {
      if (firing.recovers(pair, row, at)) hold(line);
    };
    if (hasIncidents) {
      if (pair === '') recovered.bySender = true;
      else recovered.pairs.add(pair);
    }
    if (mayReplay) possibleReplays.push(recover);
    else recover();
  }

  function keepUnreadable({ bytes, offset, reason }: Unreadable): void {
    decided.bad++;
    decided.unreadable.push({ offset, reason, text: beginningOf(bytes, redact) });
    if (decided.unreadable.length > MAX_KEPT_UNREADABLE) decided.unreadable.shift();
  }

  function isStale(row: WakeRow): boolean {
    return maxAgeMs > 0 && now - writtenAt(row) > maxAgeMs;
  }

  /**
   * Makes the row a candidate, mutes it, or counts it as a follower of the last candidate of its pair.
   *
   * @param isReplay true if some rows of the batch have jobs, so that each row is decided on its own
   * @param isEnqueued whether the row has a job, which decided it
   */
  function group(row: WakeRow, isReplay: boolean, isEnqueued = false): void {
    const { line, details, emittedAt } = row;
    if (!isEnqueued && isStale(row)) {
      rejectStale(row);
      return;
    }
    decided.oldest = Math.min(decided.oldest, writtenAt(row));
    const dedupId = dedupIdOf(details);
    const ofPair = settings.ofPair(dedupId);
    const severity = severityIn(details);
    const own = ofPair.of(severity);
    const instance = instanceIn(details);
    const muted = isEnqueued ? undefined : own.mutedAt(clock);
    const before = candidates.get(dedupId);
    if (muted) {
      mute(dedupId, muted.mute.reason, 1);
      if (hasIncidents && firing.mutes(before?.last ?? dedupId, dedupId, instance)) hold(line);
      return;
    }
    const passes = mayPass(severity, own, before);
    const decidesItself =
      isReplay || passes || own.windowMs === 0 || ofPair.mayLackWindow || (before?.rows ?? 0) < ofPair.maxConsecutive;
    if (before && !decidesItself) {
      before.last.followers++;
      if (firing.fires(before.last, instance, false)) hold(line);
      return;
    }
    const wake = {
      ...wakeOf(details, wakeId(line, sourceName), emittedAt, redact),
      ...(row.appendedAfter !== undefined && { appendedAfter: row.appendedAfter }),
    };
    const isStateful = isReplay || ofPair.needsState;
    const needsState = before?.last.needsState || isStateful || passes;
    const candidate: Candidate = {
      wake,
      dedupId,
      settings: own,
      needsState,
      isEnqueued,
      followers: 0,
      decision: undefined,
    };
    // In the same round a row that passes would close the window before the earlier row of its pair opens it. Pairs with a state are
    // decided side by side: a pair with many rows must not hold up the others.
    const dependsOn = before && (passes || needsState) ? before.round + 1 : 0;
    const round = addToRound(candidate, isStateful ? dependsOn : Math.max(dependsOn, rounds.length - 1));
    const added = before?.added ?? [];
    if (isEnqueued) added.push(wake.id);
    candidates.set(dedupId, {
      last: candidate,
      round,
      rows: (before?.rows ?? 0) + 1,
      // A row before may only be buffered.
      hadCritical:
        before?.hadCritical === true || (severity === 'critical' && (before?.rows ?? 0) + 1 >= ofPair.maxConsecutive),
      added,
    });
    hold(line);
    firing.fires(candidate, instance, true);
  }

  /** @returns the round that it was added to: the given one, or a later one if that is full */
  function addToRound(candidate: Candidate, first: number): number {
    let at = first;
    while ((rounds[at]?.length ?? 0) >= MAX_CANDIDATES) at++;
    const round = rounds[at] ?? [];
    round.push(candidate);
    rounds[at] = round;
    return at;
  }

  /** Whether the row may pass an open window: if critical rows do, or if it may be the first critical row of its incident. */
  function mayPass(severity: string, own: RowSettings, before: PairCandidates | undefined): boolean {
    if (severity !== 'critical' || own.windowMs === 0) return false;
    return own.bypassCritical || (hasIncidents && before?.hadCritical !== true);
  }

  function mute(dedupId: string, reason: string, rows: number): void {
    const key = `${dedupId} ${reason}`;
    const group = mutedOf.get(key);
    if (group) group.rows += rows;
    else mutedOf.set(key, { ...pairOfDebounceId(dedupId), reason, rows });
  }

  function rejectStale({ line, details, emittedAt }: WakeRow): void {
    const { probe } = pairOf(details, redact);
    const fields = {
      reason: 'stale',
      offset: line.offset,
      wakeId: wakeId(line, sourceName),
      probe,
      ageMs: now - emittedAt,
    };
    logEvent(log, 'wake.rejected', fields, 'rejected a wake row: it is stale');
    decided.rejected.stale++;
  }

  async function decide(mayAdd: () => Promise<boolean>): Promise<Decided | undefined> {
    // A row that has a job keeps its decision, although windows, counts and settings may have changed since.
    const rows = possibleReplays.filter((row) => typeof row !== 'function');
    const enqueued = await enqueuedIds(decider, rows);
    for (const row of possibleReplays) {
      if (typeof row === 'function') row();
      else group(row, enqueued.size > 0, enqueued.has(wakeId(row.line, sourceName)));
    }
    const pairs = pairStates(decider, (dedupId) => candidates.get(dedupId)?.added ?? []);
    for (const round of rounds) {
      if (!(await decideRound(decider, round, pairs, clock, mayAdd))) return undefined;
      for (const candidate of round) collect(candidate);
    }
    decided.counts = pairs.changes();
    decided.muted = [...mutedOf.values()];
    decided.firing = firing.decided();
    return decided;
  }

  function collect({ wake, decision, followers, dedupId }: Candidate): void {
    if (!decision) return;
    const rows = followers + Number(decision.kind !== 'enqueued');
    if (decision.kind === 'enqueued') {
      decided.enqueued.push(enqueuedWake(wake, decision));
      if (rows > 0) decided.coalesced.push({ first: wake, winner: wake.id, rows });
    } else if (decision.kind === 'coalesced') {
      decided.coalesced.push({ first: wake, winner: decision.holder, rows });
    } else if (decision.kind === 'buffered') decided.buffered.push({ first: wake, rows });
    else mute(dedupId, decision.reason, rows);
  }

  return {
    take,
    full: () => endsHere || decided.lines >= MAX_LINES || held.rows >= MAX_HELD.rows || held.bytes >= MAX_HELD.bytes,
    decide,
  };
}
