/** Reads lines as wake rows, and computes the wake id of a row. */
import { createHash } from 'node:crypto';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Json, JsonObject } from '@kora-wake/shared/wake/json';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { instanceOf, pairOf, type Row, type RowInstance, rowOf, severityOf } from '@kora-wake/shared/wake/wake';
import type { Line } from '../log/scan.ts';
import { readLine, type Unreadable } from './read-line.ts';

/** A wake row as it was read. */
export interface WakeRow {
  line: Line;
  /** Not redacted yet. */
  details: JsonObject;
  /** ms since the epoch. */
  emittedAt: number;
  /** The row was appended after this time, ms since the epoch; undefined if no such time is known. */
  appendedAfter: number | undefined;
}

/** A row with the bytes and the offset that are its own. */
export interface ReadRow {
  line: Line;
  row: Row;
}

/** The time at which a row was written, ms since the epoch: its own time, but not earlier than `appendedAfter`. */
export function writtenAt({ emittedAt, appendedAfter }: WakeRow): number {
  return Math.max(emittedAt, appendedAfter ?? -Infinity);
}

/**
 * The wake id of a row: a hash of its bytes, its offset, and the name of its source. It does not depend on the name of the file.
 *
 * @param sourceName `KORA_SOURCE_NAME`; without it two hosts could write the same bytes at the same offset
 */
export function wakeId({ bytes, offset }: Line, sourceName: string | undefined): string {
  const place = sourceName === undefined ? `\n${offset}` : `\n${offset}\n${sourceName}`;
  return `w-${createHash('sha256').update(bytes).update(place).digest('hex').slice(0, 32)}`;
}

/** The wake ids of the wake rows in a line. */
export function wakeIdsIn(line: Line, sourceName: string | undefined): string[] {
  const rows = readLine(line).objects.filter(({ json }) => rowOf(json).kind === 'wake');
  return rows.map((row) => wakeId(row.line, sourceName));
}

/** Reads the rows of a line that names a seam. Each fault is logged, without the text of the line. */
export function readRows(line: Line, log: Logger): { rows: ReadRow[]; unreadable: Unreadable[] } {
  const { objects, unreadable, isRepaired } = readLine(line);
  if (isRepaired) logEvent(log, 'line.repaired', { offset: line.offset, bytes: line.bytes.length });
  const rows = objects.map((object) => ({ line: object.line, row: rowOf(object.json) }));
  // Nobody can say which pair has recovered, so it counts as a line that cannot be read, and people find it there.
  const malformed = rows.flatMap(({ line: own, row }) =>
    row.kind === 'malformed_recovery' ? [{ ...own, reason: 'malformed' as const }] : [],
  );
  const all = [...unreadable, ...malformed];
  for (const { reason, offset, bytes } of all) {
    logEvent(log, 'line.unreadable', { reason, offset, bytes: bytes.length });
  }
  for (const { line: at, row } of rows) logFault(row, at.offset, log);
  return { rows, unreadable: all };
}

function logFault(row: Row, offset: number, log: Logger): void {
  if (row.kind === 'malformed') {
    const message = 'rejected a wake row: its details are not an object';
    logEvent(log, 'wake.rejected', { reason: 'malformed', offset }, message);
  } else if ((row.kind === 'wake' || row.kind === 'recovered') && row.emittedAt === undefined) {
    logEvent(log, 'row.time_unreadable', { offset });
  }
}

/** Returns a function that gives the instance of a row. It caches each name, since redacting is slow. */
export function instances(redact: Redact): (details: JsonObject) => RowInstance {
  const cache = new Map<string, RowInstance>();
  return (details) => {
    const { instance, received_from: sender } = details;
    if (instance === undefined && sender === undefined) return instanceOf(details, redact);
    const key = JSON.stringify([instance, sender]);
    const found = cache.get(key) ?? instanceOf(details, redact);
    cache.set(key, found);
    return found;
  };
}

/** Returns a function that gives the deduplication id of a row. It caches each pair, since redacting a pair is slow. */
export function dedupIds(redact: Redact): (details: JsonObject) => string {
  const cache = new Map<Json | undefined, Map<Json | undefined, string>>();
  return (details) => {
    const { probe, category } = details;
    const ofProbe = cache.get(probe) ?? new Map<Json | undefined, string>();
    const cached = ofProbe.get(category);
    if (cached !== undefined) return cached;
    const pair = pairOf(details, redact);
    const id = debounceId(pair.probe, pair.category);
    // Other types may be objects. Two equal objects are different keys of a map, so caching them is useless.
    if (typeof probe === 'string' && typeof category === 'string') cache.set(probe, ofProbe.set(category, id));
    return id;
  };
}

/** Texts that a cache holds at most. Severities are few; a log with many distinct ones is hostile. */
const MAX_SEVERITIES = 1_000;

/** Returns a function that gives the severity of a row. It caches each word, since redacting is slow. */
export function severities(redact: Redact): (details: JsonObject) => string {
  const cache = new Map<string, string>();
  return (details) => {
    const { severity } = details;
    if (typeof severity !== 'string') return severityOf(details, redact);
    const found = cache.get(severity) ?? severityOf(details, redact);
    if (cache.size < MAX_SEVERITIES) cache.set(severity, found);
    return found;
  };
}
