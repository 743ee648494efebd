/**
 * From lines to decisions. Each wake row is enqueued, coalesced into the wake that holds its window, or rejected
 * with a reason. Deciding a row again, after a crash before the commit, gives the same wake id, and so the same job.
 *
 * Rows of one pair that are decided together need one question: what Redis says of the first holds for those after it.
 * So a storm costs as much as it has pairs. Two kinds of row are always asked about: where nothing is debounced, every
 * one; where critical wakes bypass the window, those.
 */

import { createHash } from 'node:crypto';
import type { DebouncePolicy } from '@kora-wake/shared/core/debounce';
import { debounceId } from '@kora-wake/shared/core/debounce';
import type { Json, JsonObject } from '@kora-wake/shared/core/json';
import type { Redact } from '@kora-wake/shared/core/redact';
import { pairOf, rowOf, severityOf, type Wake, wakeOf } from '@kora-wake/shared/core/wake';
import type { Keys } from '@kora-wake/shared/keys';
import type { Logger } from '@kora-wake/shared/log';
import { type WakesQueue, wakeJobOptions } from '@kora-wake/shared/queues';
import type { RedisClient } from '@kora-wake/shared/redis';
import type { RowTraces } from '@kora-wake/shared/tracing';
import type { Line } from './scan.ts';

export type Decision =
  | { kind: 'enqueued'; wake: Wake }
  /** `asked` is the row that Redis was asked about: the row itself, or one of its pair before it. */
  | { kind: 'coalesced'; winner: string; asked: Wake; emittedAt: number }
  | { kind: 'rejected'; reason: 'stale' | 'malformed' }
  /** Not a wake row at all; `bad` where it only looks like one and cannot be parsed. */
  | { kind: 'none'; bad: boolean };

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

/** A row that Redis is asked about. */
interface Question {
  wake: Wake;
  /** Its deduplication id. */
  window: string;
  /** Whether it goes through an open window. */
  passes: boolean;
  /** The wake that holds the window, once that is known. */
  winner: string | undefined;
  /** Its place in the batch. */
  index: number;
  /** The rows for which the answer holds too: their places, and when they were written, ms since the epoch. */
  followers: Array<{ index: number; emittedAt: number }>;
}

/** So many questions are asked in one round trip, so that Redis is never kept from others for long. */
const MAX_QUESTIONS = 1_000;

/** The wake id of a row: a hash of its bytes and of where it stands, whatever its file is called by now. */
function wakeId(line: Line): string {
  return `w-${createHash('sha256').update(line.bytes).update(`\n${line.offset}`).digest('hex').slice(0, 32)}`;
}

/** The id of the wake that a line asks for, or undefined where it is no wake row. */
export function wakeIdIn(line: Line): string | undefined {
  const json = parse(line.bytes);
  return json !== undefined && rowOf(json).kind === 'wake' ? wakeId(line) : undefined;
}

/**
 * Decides the lines of one batch, in their order. Rejects where Redis does not answer; the lines can then be decided
 * again.
 *
 * @param again whether they may have been decided before, by a tailer that did not come to commit it
 * @param mayAsk whether the log is still ours; asked before each round trip that adds jobs
 * @returns a decision for each line, or undefined where the log is no longer ours
 */
export async function decide(
  decider: Decider,
  lines: Line[],
  again: boolean,
  mayAsk: () => Promise<boolean>,
): Promise<Decision[] | undefined> {
  const { policy, maxAgeMs, redact, log } = decider;
  const now = decider.now();
  // What was enqueued then must be found again, whatever the windows and settings are by now.
  const before = again && (await anyEnqueued(decider, lines));
  const singly = before || policy.windowMs === 0;
  const bypass = policy.windowMs > 0 && policy.bypassCritical;
  const decisions: Decision[] = [];
  const windowOf = windowIds(redact);
  const lastOf = new Map<string, Question>();
  let questions: Question[] = [];

  async function ask(): Promise<boolean> {
    if (questions.length === 0) return true;
    if (!(await mayAsk())) return false;
    await add(decider, questions);
    for (const question of questions) {
      const { wake, winner, index, followers } = question;
      decisions[index] = winner === wake.id ? { kind: 'enqueued', wake } : answer(question, wake.emittedAt);
      for (const follower of followers) decisions[follower.index] = answer(question, follower.emittedAt);
    }
    questions = [];
    return true;
  }

  for (const [index, line] of lines.entries()) {
    const row = read(decider, line);
    if (row.kind !== 'wake') {
      decisions[index] = row;
      continue;
    }
    const { details } = row;
    const emittedAt = row.emittedAt ?? now;
    const age = now - emittedAt;
    const stale = maxAgeMs > 0 && age > maxAgeMs;
    // A row enqueued before a crash may have grown old by the time it is decided again.
    if (stale && !(before && (await decider.queue.getJob(wakeId(line))))) {
      const { id, probe } = wakeOf(details, wakeId(line), emittedAt, redact);
      log.warn({ offset: line.offset, wakeId: id, probe, ageMs: age }, 'wake row rejected: stale');
      decisions[index] = { kind: 'rejected', reason: 'stale' };
      continue;
    }
    const window = windowOf(details);
    const passes = bypass && severityOf(details, redact) === 'critical';
    const last = lastOf.get(window);
    if (last && !passes && !singly) {
      if (last.winner === undefined) last.followers.push({ index, emittedAt });
      else decisions[index] = answer(last, emittedAt);
      continue;
    }
    // It would close the window that a row before it is about to open.
    const tooSoon = passes && last !== undefined && last.winner === undefined;
    if ((tooSoon || questions.length === MAX_QUESTIONS) && !(await ask())) return undefined;
    const wake = wakeOf(details, wakeId(line), emittedAt, redact);
    const question = { wake, window, passes, winner: undefined, index, followers: [] };
    questions.push(question);
    lastOf.set(window, question);
  }
  return (await ask()) ? decisions : undefined;
}

/** Gives the deduplication id of a row, and reads each pair, which costs more, only once. */
function windowIds(redact: Redact): (details: JsonObject) => string {
  const known = new Map<string, string>();
  return (details) => {
    const written = JSON.stringify([details.probe, details.category]);
    let id = known.get(written);
    if (id === undefined) {
      const { probe, category } = pairOf(details, redact);
      id = debounceId(probe, category);
      known.set(written, id);
    }
    return id;
  };
}

/** What a question's answer means for a row other than the one that won. */
function answer({ wake, winner = wake.id }: Question, emittedAt: number): Decision {
  return { kind: 'coalesced', winner, asked: wake, emittedAt };
}

type Read = Exclude<Decision, { kind: 'enqueued' | 'coalesced' }> | WakeRow;
interface WakeRow {
  kind: 'wake';
  details: JsonObject;
  emittedAt: number | undefined;
}

function read({ log }: Decider, line: Line): Read {
  const json = parse(line.bytes);
  if (json === undefined) {
    log.warn(
      { offset: line.offset, bytes: line.bytes.length },
      'a line that names the wake seam is not valid JSON; passed over',
    );
    return { kind: 'none', bad: true };
  }
  const row = rowOf(json);
  if (row.kind === 'other') return { kind: 'none', bad: false };
  if (row.kind === 'malformed') {
    log.warn({ offset: line.offset }, 'wake row rejected: its details are not an object');
    return { kind: 'rejected', reason: 'malformed' };
  }
  if (row.emittedAt === undefined) {
    log.warn({ offset: line.offset }, 'the time of a wake row cannot be read; the time of reading is taken');
  }
  return row;
}

/** Whether there is a job of any of these rows. */
async function anyEnqueued({ redis, queue }: Decider, lines: Line[]): Promise<boolean> {
  return lines.length > 0 && (await redis.exists(lines.map((line) => queue.toKey(wakeId(line))))) > 0;
}

/** Adds the jobs; the id that comes back for each is its own, or that of the wake that holds the window. */
async function add(decider: Decider, questions: Question[]): Promise<void> {
  const { queue, policy, traces } = decider;
  const optionsOf = new Map(questions.map(({ wake }) => [wake, wakeJobOptions(wake, policy, traces.begin(wake))]));
  for (let left = questions; left.length > 0; ) {
    await closeWindows(
      decider,
      left.filter(({ passes }) => passes),
    );
    const jobs = await queue.addBulk(
      left.map(({ wake }) => ({ name: 'wake', data: { wake }, opts: optionsOf.get(wake) ?? {} })),
    );
    for (const [i, question] of left.entries()) question.winner = jobs[i]?.id ?? question.wake.id;
    // Another log's tailer may open the window between the two calls; a critical wake still goes through.
    left = left.filter(({ passes, winner, wake }) => passes && winner !== wake.id);
  }
}

/** Not where the wake's own job exists: then this is a second reading, and the window is its own or a later one's. */
const CLOSE_WINDOWS = `
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('DEL', KEYS[i]) end
end`;

async function closeWindows({ redis, queue, keys }: Decider, passing: Question[]): Promise<void> {
  if (passing.length === 0) return;
  const scriptKeys = passing.flatMap(({ wake, window }) => [keys.dedup(window), queue.toKey(wake.id)]);
  await redis.eval(CLOSE_WINDOWS, scriptKeys.length, ...scriptKeys);
}

/** Drops a byte order mark, as `TextDecoder` does; in Node it is slower by itself. */
function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0));
  } catch {
    return undefined;
  }
}
