/** Reads lines as wake rows, and computes the wake id of a row. */
import { createHash } from 'node:crypto';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Json, JsonObject } from '@kora-wake/shared/wake/json';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { pairOf, type Row, rowOf } from '@kora-wake/shared/wake/wake';
import type { Line } from '../log/scan.ts';

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

/** When a row was written, ms since the epoch: at its own time, but not before a time at which it was not in the log. */
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

/** The wake id of a line, or undefined if the line is not a wake row. */
export function wakeIdIn(line: Line, sourceName: string | undefined): string | undefined {
  const json = parse(line.bytes);
  return json !== undefined && rowOf(json).kind === 'wake' ? wakeId(line, sourceName) : undefined;
}

/** Parses a line. Returns undefined if it is not valid JSON. Each fault is logged, without the text of the line. */
export function readRow(line: Line, log: Logger): Row | undefined {
  const { offset } = line;
  const json = parse(line.bytes);
  if (json === undefined) {
    logEvent(log, 'line.unreadable', { offset, bytes: line.bytes.length });
    return undefined;
  }
  const row = rowOf(json);
  if (row.kind === 'malformed') {
    logEvent(
      log,
      'wake.rejected',
      { reason: 'malformed', offset },
      'rejected a wake row: its details are not an object',
    );
  } else if (row.kind === 'wake' && row.emittedAt === undefined) {
    logEvent(log, 'row.time_unreadable', { offset });
  }
  return row;
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

/** Drops a byte order mark, as `TextDecoder` does, which is slower in Node. */
function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0));
  } catch {
    return undefined;
  }
}
