/**
 * What is known of each wake, kept longer than its jobs: the next investigation of the pair reads it, and so do people.
 * It lies in the wake's own record; three indexes find it, over all wakes, of a probe, and of a pair, by when it was
 * enqueued.
 */

import type { RedisClient } from '../runtime/redis.ts';
import type { JsonObject } from '../wake/json.ts';
import { DM_STATUSES, type DmStatus, OUTCOMES, type Outcome } from '../wake/outcome.ts';
import { debounceId } from '../wake/pair.ts';
import type { Report } from '../wake/report.ts';
import type { Wake } from '../wake/wake.ts';
import { EVENTS_KEPT } from './events.ts';
import type { Keys } from './keys.ts';
import type { Posted } from './queues.ts';
import { script } from './scripts.ts';
import { WAKE_RECORD_TTL_S } from './wake-record.ts';

/** The wake's row as it is kept: what is long is cut. */
interface StoredRow {
  probe: string;
  category: string;
  severity: string;
  title: string;
  detail: string;
  snapshotDetails: JsonObject;
  emittedAt: number;
}

export interface WakeRecord {
  wakeId: string;
  row: StoredRow;
  /** ms since the epoch, as all times here. */
  enqueuedAt: number;
  investigatedAt: number | null;
  report: Report | null;
  outcome: Outcome | null;
  outcomeAt: number | null;
  dmStatus: DmStatus | null;
  /** Where Slack put the DM, and what the DM said of its own delivery, if anything. */
  posted: Posted | null;
  suppressed: number;
  lastSuppressedAt: number | null;
}

const MAX_DETAIL = 8_000;
const MAX_SNAPSHOT = 16_000;

/** A wake's row as its record keeps it, as JSON. */
export function storedRow(wake: Wake): string {
  const { probe, category, severity, title, detail, snapshotDetails, emittedAt } = wake;
  const tooLarge = JSON.stringify(snapshotDetails).length > MAX_SNAPSHOT;
  const row: StoredRow = {
    probe,
    category,
    severity,
    title: title.slice(0, MAX_DETAIL).toWellFormed(),
    detail: detail.slice(0, MAX_DETAIL).toWellFormed(),
    snapshotDetails: tooLarge ? { cut: 'too large to be kept here; it is in the audit log' } : snapshotDetails,
    emittedAt,
  };
  return JSON.stringify(row);
}

/** The indexes that find a wake. */
export function indexKeys(keys: Keys, wake: Pick<Wake, 'probe' | 'category'>): string[] {
  return [keys.history, keys.historyOfProbe(wake.probe), keys.historyOfPair(debounceId(wake.probe, wake.category))];
}

/**
 * KEYS: the wake's record, its three indexes, events. ARGV: id, at, seconds to keep, the row, the report, then an event. The
 * tailer's commit writes the row and the indexes too (see checkpoint.ts), and may come later.
 */
const RECORD = script(`
redis.call('HSET', KEYS[1], 'row', ARGV[4], 'report', ARGV[5], 'investigatedAt', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
for i = 2, 4 do
  if redis.call('ZADD', KEYS[i], 'NX', ARGV[2], ARGV[1]) == 1 then redis.call('EXPIRE', KEYS[i], ARGV[3]) end
end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ${EVENTS_KEPT}, '*', unpack(ARGV, 6))`);

/** Keeps what was found out, and tells of it. Doing it again changes nothing. @param at ms since the epoch */
export async function recordInvestigation(
  redis: RedisClient,
  keys: Keys,
  wake: Wake,
  report: Report,
  at: number,
): Promise<void> {
  const { id, probe, category } = wake;
  const recordKeys = [keys.wake(id), ...indexKeys(keys, wake), keys.events];
  const found = report.kind === 'diagnosis' ? (report.verdict ?? 'plain text') : report.code;
  const event = ['type', 'investigation.ended', 'wakeId', id, 'probe', probe, 'category', category, 'found', found];
  const kept = [storedRow(wake), JSON.stringify(report)];
  await RECORD(redis, recordKeys, id, at, WAKE_RECORD_TTL_S, ...kept, ...event);
}

/** A place in a list, newest first: after the wake that was enqueued then. */
export interface Place {
  at: number;
  wakeId: string;
}

/**
 * KEYS: an index. ARGV: where the page before ended (when, and which; empty for the first), and how many. Many wakes can be
 * of one moment, so the place is found by rank; one that has gone meanwhile is put back for that long.
 */
const READ_PAGE = `
local first = 0
if ARGV[2] ~= '' then
  local gone = redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2]) == 1
  first = redis.call('ZREVRANK', KEYS[1], ARGV[2])
  if gone then redis.call('ZREM', KEYS[1], ARGV[2]) else first = first + 1 end
end
local page = {}
for _, part in ipairs(redis.call('ZREVRANGE', KEYS[1], first, first + ARGV[3] - 1, 'WITHSCORES')) do
  page[#page + 1] = tostring(part)
end
return page`;

/**
 * Known wakes, newest first.
 *
 * @param page `since` leaves out what is older, ms since the epoch; `after` goes on where the page before ended
 * @returns the wakes, and where the page ended, or null where there are no more
 */
export async function listWakeRecords(
  redis: RedisClient,
  keys: Keys,
  of: { probe?: string | undefined; category?: string },
  page: { limit: number; since: number; after?: Place | undefined },
): Promise<{ entries: WakeRecord[]; next: Place | null }> {
  const { limit, since, after } = page;
  const answer = await redis.eval(READ_PAGE, 1, indexOf(keys, of), after?.at ?? 0, after?.wakeId ?? '', limit + 1);
  const places = pairs(Array.isArray(answer) ? answer : []).filter(({ at }) => at >= since);
  const found = await Promise.all(places.slice(0, limit).map(({ wakeId }) => readWakeRecord(redis, keys, wakeId)));
  const last = places[limit - 1];
  return {
    entries: found.filter((wake) => wake !== undefined),
    next: last && places.length > limit ? last : null,
  };
}

function indexOf(keys: Keys, { probe, category }: { probe?: string | undefined; category?: string }): string {
  if (probe === undefined) return keys.history;
  return category === undefined ? keys.historyOfProbe(probe) : keys.historyOfPair(debounceId(probe, category));
}

/** Members and scores, one after the other. */
function pairs(flat: unknown[]): Place[] {
  const places: Place[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) places.push({ wakeId: String(flat[i]), at: Number(flat[i + 1]) });
  return places;
}

/** What is known of one wake, or undefined where it is not, or not any more. */
export async function readWakeRecord(redis: RedisClient, keys: Keys, wakeId: string): Promise<WakeRecord | undefined> {
  const record = await redis.hgetall(keys.wake(wakeId));
  if (!record.row) return undefined;
  return {
    wakeId,
    row: JSON.parse(record.row),
    enqueuedAt: Number(record.enqueuedAt ?? record.investigatedAt),
    investigatedAt: time(record.investigatedAt),
    report: record.report ? JSON.parse(record.report) : null,
    outcome: isOutcome(record.outcome) ? record.outcome : null,
    outcomeAt: time(record.outcomeAt),
    dmStatus: isDmStatus(record.dmStatus) ? record.dmStatus : null,
    posted: record.posted ? JSON.parse(record.posted) : null,
    suppressed: Number(record.suppressed ?? 0),
    lastSuppressedAt: time(record.lastSuppressedAt),
  };
}

function time(value: string | undefined): number | null {
  return value === undefined ? null : Number(value);
}

function isOutcome(text: string | undefined): text is Outcome {
  return OUTCOMES.some((outcome) => outcome === text);
}

function isDmStatus(text: string | undefined): text is DmStatus {
  return DM_STATUSES.some((status) => status === text);
}

/** The wake as far as it was kept, for the text of its DM. */
export function wakeFromRecord({ wakeId, row }: WakeRecord): Wake {
  return { id: wakeId, ...row, envelopeEnabled: false, envelopeFixName: '(none)' };
}
