/**
 * From lines to decisions. Each wake row is enqueued, coalesced into the wake that holds its window, or rejected
 * with a reason. Deciding a row again, after a crash before the commit, gives the same wake id, and so the same job.
 *
 * Rows of one pair that are decided together need one question: what Redis says of the first holds for those after it.
 * So a storm costs as much as it has pairs. Two kinds of row are always asked about: where nothing is debounced, every
 * one; where critical wakes bypass the window, those.
 */

import { createHash } from 'node:crypto';
import type { Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { RowTraces } from '@kora-wake/shared/runtime/tracing';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type WakesQueue, wakeJobOptions } from '@kora-wake/shared/store/queues';
import { passWindows } from '@kora-wake/shared/store/windows';
import type { Json, JsonObject } from '@kora-wake/shared/wake/json';
import type { DebouncePolicy } from '@kora-wake/shared/wake/pair';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { pairOf, type Row, rowOf, severityOf, type Wake, wakeOf } from '@kora-wake/shared/wake/wake';
import type { Collector, Line } from '../log/scan.ts';

/** What was decided on the lines of one batch. */
export interface Decided {
  lines: number;
  /** In their order. */
  enqueued: Wake[];
  /**
   * Rows that were coalesced, and the wake that took them in; for each row that Redis was asked about, together with those
   * of its pair for which the answer held too.
   */
  coalesced: Array<{ asked: Wake; winner: string; rows: number }>;
  /** Rows that were rejected, by reason. */
  rejected: Record<'stale' | 'malformed', number>;
  /** Lines that look like a row and cannot be parsed. */
  bad: number;
  /** When the oldest row that was enqueued or coalesced was written, ms since the epoch; Infinity where there is none. */
  oldest: number;
}

export interface Decider {
  redis: RedisClient;
  queue: WakesQueue;
  keys: Keys;
  policy: DebouncePolicy;
  /** Older rows are stale, ms; 0 = no limit. */
  maxAgeMs: number;
  /** Takes secrets out of rows, so that no job holds one. */
  redact: Redact;
  traces: RowTraces;
  now(): number;
  log: Logger;
}

/** A wake row as it was read. */
interface WakeRow {
  line: Line;
  /** Still with their secrets. */
  details: JsonObject;
  /** ms since the epoch. */
  emittedAt: number;
}

/** A row that Redis is asked about. */
interface Question {
  wake: Wake;
  /** Its deduplication id. */
  window: string;
  /** Whether it goes through an open window. */
  passes: boolean;
  /** The wake that holds the window, once that is known. */
  winner: string | undefined;
  /** So many rows after it have the answer of this one. */
  followers: number;
}

/** So many questions are asked in one round trip, so that Redis is never kept from others for long. */
const MAX_QUESTIONS = 1_000;

/** A batch is decided and committed in well under a second, and of its lines little is kept. */
const MAX_LINES = 65_536;
/**
 * Of rows that are asked about, each of which is a job and a part of the commit, where what it names stands in many keys;
 * and of those that may have been decided before, which are kept whole until Redis was asked.
 */
const MAX_HELD = { rows: 4_096, bytes: 4 * 1024 * 1024 };

/** The wake id of a row: a hash of its bytes and of where it stands, whatever its file is called by now. */
function wakeId({ bytes, offset }: Line): string {
  return `w-${createHash('sha256').update(bytes).update(`\n${offset}`).digest('hex').slice(0, 32)}`;
}

/** The id of the wake that a line asks for, or undefined where it is no wake row. */
export function wakeIdIn(line: Line): string | undefined {
  const json = parse(line.bytes);
  return json !== undefined && rowOf(json).kind === 'wake' ? wakeId(line) : undefined;
}

/** The lines of one batch, which are read as they are taken, and decided in their order. */
export interface Batch extends Collector {
  /**
   * Decides what was taken, once. Rejects where Redis does not answer; the same lines can then be decided again, in
   * another batch.
   *
   * @param mayAsk whether the log is still ours; asked right before jobs are added, each time
   * @returns undefined where the log is no longer ours
   */
  decide(mayAsk: () => Promise<boolean>): Promise<Decided | undefined>;
}

/** @param again whether its lines may have been decided before, by a tailer that did not come to commit it */
export function batchOf(decider: Decider, again: boolean): Batch {
  const { policy, maxAgeMs, redact, queue, log } = decider;
  const now = decider.now();
  const bypass = policy.windowMs > 0 && policy.bypassCritical;
  const decided: Decided = {
    lines: 0,
    enqueued: [],
    coalesced: [],
    rejected: { stale: 0, malformed: 0 },
    bad: 0,
    oldest: Infinity,
  };
  const windowOf = windowIds(redact);
  const lastOf = new Map<string, Question>();
  /** Asked one after the other: in one round no question depends on another. */
  const rounds: Question[][] = [[]];
  /** Where they may have been decided before, nothing can be said of them until Redis was asked. */
  const undecided: WakeRow[] = [];
  const held = { rows: 0, bytes: 0 };

  function hold({ bytes }: Line): void {
    held.rows++;
    held.bytes += bytes.length;
  }

  function take(line: Line): void {
    decided.lines++;
    const row = readLine(line, log);
    if (row === undefined) decided.bad++;
    else if (row.kind === 'malformed') decided.rejected.malformed++;
    if (row?.kind !== 'wake') return;
    const read = { line, details: row.details, emittedAt: row.emittedAt ?? now };
    if (again) {
      undecided.push({ ...read, line: { ...line, bytes: Buffer.from(line.bytes) } });
      hold(line);
    } else place(read, policy.windowMs === 0);
  }

  function isStale({ emittedAt }: WakeRow): boolean {
    return maxAgeMs > 0 && now - emittedAt > maxAgeMs;
  }

  /** Finds the question that a row is, or the one whose answer holds for it too. */
  function place(row: WakeRow, singly: boolean, known = false): void {
    const { line, details, emittedAt } = row;
    if (isStale(row) && !known) {
      const { probe } = pairOf(details, redact);
      const fields = { offset: line.offset, wakeId: wakeId(line), probe, ageMs: now - emittedAt };
      log.warn(fields, 'wake row rejected: stale');
      decided.rejected.stale++;
      return;
    }
    decided.oldest = Math.min(decided.oldest, emittedAt);
    const window = windowOf(details);
    const passes = bypass && severityOf(details, redact) === 'critical';
    const last = lastOf.get(window);
    if (last && !passes && !singly) {
      last.followers++;
      return;
    }
    let round = rounds.at(-1) ?? [];
    // It would close the window that a row before it is about to open.
    const tooSoon = passes && last !== undefined && round.includes(last);
    if (tooSoon || round.length === MAX_QUESTIONS) {
      round = [];
      rounds.push(round);
    }
    const wake = wakeOf(details, wakeId(line), emittedAt, redact);
    const question = { wake, window, passes, winner: undefined, followers: 0 };
    round.push(question);
    hold(line);
    lastOf.set(window, question);
  }

  return {
    take,
    full: () => decided.lines >= MAX_LINES || held.rows >= MAX_HELD.rows || held.bytes >= MAX_HELD.bytes,
    decide: async (mayAsk) => {
      // What was enqueued then must be found again, whatever the windows and settings are by now.
      const before = await anyEnqueued(decider, undecided);
      for (const row of undecided) {
        // A row enqueued before a crash may have grown old by the time it is decided again.
        const known = before && isStale(row) && (await queue.getJob(wakeId(row.line))) !== undefined;
        place(row, before || policy.windowMs === 0, known);
      }
      for (const round of rounds) {
        if (round.length === 0) continue;
        if (!(await add(decider, round, mayAsk))) return undefined;
        for (const { wake, winner = wake.id, followers } of round) {
          const won = winner === wake.id;
          if (won) decided.enqueued.push(wake);
          const rows = followers + Number(!won);
          if (rows > 0) decided.coalesced.push({ asked: wake, winner, rows });
        }
      }
      return decided;
    },
  };
}

/** Gives the deduplication id of a row, and reads each pair, which costs more, only once. */
function windowIds(redact: Redact): (details: JsonObject) => string {
  const known = new Map<Json | undefined, Map<Json | undefined, string>>();
  return (details) => {
    const { probe, category } = details;
    const ofProbe = known.get(probe) ?? new Map<Json | undefined, string>();
    const found = ofProbe.get(category);
    if (found !== undefined) return found;
    const pair = pairOf(details, redact);
    const id = debounceId(pair.probe, pair.category);
    // What is no text may be an object, of which there are no two.
    if (typeof probe === 'string' && typeof category === 'string') known.set(probe, ofProbe.set(category, id));
    return id;
  };
}

/** What a line says; undefined where it cannot be parsed. */
function readLine(line: Line, log: Logger): Row | undefined {
  const json = parse(line.bytes);
  if (json === undefined) {
    const fields = { offset: line.offset, bytes: line.bytes.length };
    log.warn(fields, 'a line that names the wake seam is not valid JSON; passed over');
    return undefined;
  }
  const row = rowOf(json);
  if (row.kind === 'malformed') {
    log.warn({ offset: line.offset }, 'wake row rejected: its details are not an object');
  } else if (row.kind === 'wake' && row.emittedAt === undefined) {
    log.warn({ offset: line.offset }, 'the time of a wake row cannot be read; the time of reading is taken');
  }
  return row;
}

/** Whether there is a job of any of these rows. */
async function anyEnqueued({ redis, queue }: Decider, rows: WakeRow[]): Promise<boolean> {
  return rows.length > 0 && (await redis.exists(rows.map(({ line }) => queue.toKey(wakeId(line))))) > 0;
}

/**
 * Adds the jobs; the id that comes back for each is its own, or that of the wake that holds the window. False where the
 * log is no longer ours.
 */
async function add(decider: Decider, questions: Question[], mayAsk: () => Promise<boolean>): Promise<boolean> {
  const { queue, policy, traces } = decider;
  const optionsOf = new Map(questions.map(({ wake }) => [wake, wakeJobOptions(wake, policy, traces.begin(wake))]));
  for (let left = questions; left.length > 0; ) {
    const adding = left.map(({ wake }) => ({
      name: 'wake' as const,
      data: { wake },
      opts: optionsOf.get(wake) ?? {},
    }));
    const passing = left.filter(({ passes }) => passes);
    if (!(await mayAsk())) return false;
    // Over the same connection one right after the other: a crash in between would leave a window closed for nothing.
    const closing = passing.map(({ wake, window }) => ({ window, jobKey: queue.toKey(wake.id) }));
    const [, jobs] = await Promise.all([passWindows(decider.redis, decider.keys, closing), queue.addBulk(adding)]);
    for (const [i, question] of left.entries()) question.winner = jobs[i]?.id ?? question.wake.id;
    // Another log's tailer may open the window between the two calls; a critical wake still goes through.
    left = left.filter(({ passes, winner, wake }) => passes && winner !== wake.id);
  }
  return true;
}

/** Drops a byte order mark, as `TextDecoder` does; in Node it is slower by itself. */
function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0));
  } catch {
    return undefined;
  }
}
