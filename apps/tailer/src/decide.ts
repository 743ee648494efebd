/**
 * From lines to decisions. Each wake row is enqueued, coalesced into the wake that holds its window, or rejected
 * with a reason. Deciding a row again, after a crash before the commit, gives the same wake id, and so the same job.
 */

import { createHash } from 'node:crypto';
import type { DebouncePolicy } from '@kora-wake/shared/core/debounce';
import { debounceId } from '@kora-wake/shared/core/debounce';
import type { Json } from '@kora-wake/shared/core/json';
import type { Redact } from '@kora-wake/shared/core/redact';
import { type Row, readRow, type Wake } from '@kora-wake/shared/core/wake';
import type { Keys } from '@kora-wake/shared/keys';
import type { Logger } from '@kora-wake/shared/log';
import { type WakesQueue, wakeJobOptions } from '@kora-wake/shared/queues';
import type { RedisClient } from '@kora-wake/shared/redis';
import type { RowTraces } from '@kora-wake/shared/tracing';
import type { Line } from './follow.ts';

export type Decision =
  | { kind: 'enqueued'; wake: Wake }
  | { kind: 'coalesced'; wake: Wake; winner: string }
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

/** The wake id of a row: a hash of its bytes and of where it stands, whatever its file is called by now. */
function wakeId(line: Line): string {
  return `w-${createHash('sha256').update(line.bytes).update(`\n${line.offset}`).digest('hex').slice(0, 32)}`;
}

/** What a line says, or undefined where it is no JSON. @param at when it is read, ms since the epoch */
export function readLine(line: Line, at: number, redact?: Redact): Row | undefined {
  const json = parse(line.bytes);
  return json === undefined ? undefined : readRow(json, wakeId(line), at, redact);
}

/** Decides one line. Rejects where Redis does not answer; the line can then be decided again. */
export async function decide(decider: Decider, line: Line): Promise<Decision> {
  const { log, now, maxAgeMs } = decider;
  const row = readLine(line, now(), decider.redact);
  if (row === undefined) {
    log.warn(
      { offset: line.offset, bytes: line.bytes.length },
      'a line that names the wake seam is not valid JSON; passed over',
    );
    return { kind: 'none', bad: true };
  }
  if (row.kind === 'other') return { kind: 'none', bad: false };
  if (row.kind === 'malformed') {
    log.warn({ offset: line.offset }, 'wake row rejected: its details are not an object');
    return { kind: 'rejected', reason: 'malformed' };
  }
  const { wake } = row;
  if (row.emittedAtUnreadable) {
    log.warn(
      { offset: line.offset, wakeId: wake.id },
      'the time of a wake row cannot be read; the time of reading is taken',
    );
  }
  // A row enqueued before a crash may have grown old by the time it is decided again.
  const age = now() - wake.emittedAt;
  if (maxAgeMs > 0 && age > maxAgeMs && !(await decider.queue.getJob(wake.id))) {
    log.warn({ offset: line.offset, wakeId: wake.id, probe: wake.probe, ageMs: age }, 'wake row rejected: stale');
    return { kind: 'rejected', reason: 'stale' };
  }
  const winner = await add(decider, wake);
  return winner === wake.id ? { kind: 'enqueued', wake } : { kind: 'coalesced', wake, winner };
}

/** Adds the wake's job; the id that comes back is the wake's own, or that of the wake that holds the window. */
async function add(decider: Decider, wake: Wake): Promise<string> {
  const { queue, policy } = decider;
  const options = wakeJobOptions(wake, policy, decider.traces.begin(wake));
  const passes = policy.windowMs > 0 && policy.bypassCritical && wake.severity === 'critical';
  for (;;) {
    if (passes) await closeWindowFor(decider, wake);
    const job = await queue.add('wake', { wake }, options);
    const winner = job.id ?? wake.id;
    // Another log's tailer may open the window between the two calls; a critical wake still goes through.
    if (!passes || winner === wake.id) return winner;
  }
}

/** Not where the wake's own job exists: then this is a second reading, and the window is its own or a later one's. */
const CLOSE_WINDOW = `
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('DEL', KEYS[1]) end`;

async function closeWindowFor({ redis, queue, keys }: Decider, wake: Wake): Promise<void> {
  await redis.eval(CLOSE_WINDOW, 2, keys.dedup(debounceId(wake.probe, wake.category)), queue.toKey(wake.id));
}

const utf8 = new TextDecoder();

function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}
