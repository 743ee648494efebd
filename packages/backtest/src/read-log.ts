/** Reads the wake rows and recoveries of a log with their times, for a backtest. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { StoreRow } from '@kora-wake/shared/policy/memory-store';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { hasPair, rowOf, SEAMS } from '@kora-wake/shared/wake/wake';
import { readLine } from '@kora-wake/tailer/decide/read-line';
import { dedupIds, instances, severities } from '@kora-wake/tailer/decide/rows';
import {
  type Collector,
  type Line,
  type LineStart,
  MAX_LINE_BYTES,
  NEWLINE,
  type Scanner,
  scanner,
} from '@kora-wake/tailer/log/scan';
import { findPieces, readCompressed } from './log-files.ts';

/** A wake row or a recovery. */
export interface LogRow extends StoreRow {
  kind: 'wake' | 'recovered';
  /** ms since the epoch: its own time, or the time of the row before if it has none that can be true. */
  at: number;
  /** Not redacted. */
  title: string;
}

export interface LogContent {
  /** In the order of the log. */
  rows: LogRow[];
  /** Number of wake rows whose details are not an object. */
  malformed: number;
  /** Mean cost of an investigation in this log, USD; undefined if it has none. */
  meanUsd: number | undefined;
  /** Why the result may be wrong, one sentence each. */
  doubts: string[];
}

/** Rows of investigations that are parsed: the mean cost hardly changes after that. */
const MAX_COSTS = 2_000;
const INVESTIGATED = 'probe.investigation_completed';
/** Largest age of a row relative to the row before it, ms: several programs write at the same time. */
const TOLERANCE_MS = 60_000;
/** If more rows in direct succession are older, the row before them had a wrong time. */
const MAX_OLDER = 5;
/** A pause between two pieces of the log that is worth a remark, ms. */
const GAP_MS = 3_600_000;
/** Rows that are read at most, so that a log of rows only does not need more memory than there is. */
const MAX_ROWS = 5_000_000;

/**
 * Reads logs and their rotated pieces.
 *
 * @param now times after it cannot be true, ms since the epoch
 * @throws StartupError if there is nothing to read
 */
export async function readLog(paths: string[], redact: Redact, now: number): Promise<LogContent> {
  const { pieces, doubts } = await findPieces(paths);
  const rows: LogRow[] = [];
  const costs = { number: 0, usd: 0 };
  const counts = { malformed: 0, unreadable: 0, tooLong: 0, untimed: 0 };
  const times = clock(pieces[0]?.firstAt ?? now, now);
  const [dedupIdOf, instanceIn, severityIn] = [dedupIds(redact), instances(redact), severities(redact)];
  const scan = scanner([...SEAMS, INVESTIGATED]);

  function take(line: Line): boolean {
    // The tailer skips such a line too.
    if (line.bytes.length > MAX_LINE_BYTES) {
      counts.tooLong++;
      return true;
    }
    if (line.bytes.includes(INVESTIGATED)) {
      if (costs.number < MAX_COSTS) addCost(line);
      if (!SEAMS.some((seam) => line.bytes.includes(seam))) return true;
    }
    const { objects, unreadable } = readLine(line);
    counts.unreadable += unreadable.length;
    for (const { json } of objects) {
      const row = rowOf(json);
      if (row.kind === 'malformed') counts.malformed++;
      if (row.kind === 'malformed_recovery') counts.unreadable++;
      if (row.kind !== 'wake' && row.kind !== 'recovered') continue;
      if (row.emittedAt === undefined) counts.untimed++;
      rows.push(logRow(row.kind, row.details, times.read(row.emittedAt)));
    }
    return true;
  }

  function addCost(line: Line): void {
    const [object] = readLine(line).objects;
    if (!object || !isJsonObject(object.json) || object.json.seam !== INVESTIGATED) return;
    const { details } = object.json;
    const usd = isJsonObject(details) ? details.total_cost_usd : undefined;
    if (typeof usd !== 'number' || !(usd > 0)) return;
    costs.number++;
    costs.usd += usd;
  }

  function logRow(kind: LogRow['kind'], details: JsonObject, at: number): LogRow {
    const { instance, sender } = instanceIn(details);
    const isNamedBySender = kind === 'recovered' && !hasPair(details) && sender !== '' && instance !== '';
    return {
      kind,
      at,
      pair: isNamedBySender ? '' : dedupIdOf(details),
      severity: kind === 'wake' ? severityIn(details) : '',
      instance,
      sender,
      title: typeof details.title === 'string' ? details.title : '',
    };
  }

  const collector: PieceCollector = {
    take,
    full: () => rows.length >= MAX_ROWS,
    skip: () => void counts.tooLong++,
  };
  for (const { path, firstAt } of pieces) {
    const last = rows.at(-1)?.at;
    if (last !== undefined && firstAt - last > GAP_MS) {
      doubts.push(
        `There is no alert from ${iso(last)} to ${iso(firstAt)}, where ${path} begins: a piece of the log may be missing.`,
      );
    }
    try {
      await scanPiece(path, scan, collector);
    } catch (error) {
      doubts.push(`${path} can be read only in part (${errorReason(error)}).`);
    }
    if (collector.full()) {
      doubts.push(`Only the first ${MAX_ROWS} rows were read.`);
      break;
    }
  }
  return {
    rows,
    malformed: counts.malformed,
    meanUsd: costs.number > 0 ? costs.usd / costs.number : undefined,
    doubts: [...doubts, ...doubtsAbout({ ...counts, ...times.counts })],
  };
}

interface PieceCollector extends Collector {
  /** Called for each line that is too long to be passed. */
  skip(): void;
}

/** Passes the lines of a piece that name a seam to the collector. */
async function scanPiece(path: string, scanner: Scanner, collector: PieceCollector): Promise<void> {
  const blocks = await readCompressed(path);
  if (blocks) await scanBlocks(blocks, scanner, collector);
  else await scanFile(path, scanner, collector);
}

/** As the tailer reads a log: fast, because its buffers are used again. */
async function scanFile(path: string, { scan, sweep }: Scanner, collector: PieceCollector): Promise<void> {
  const file = await open(path);
  try {
    let from: LineStart = { offset: 0, tail: Buffer.alloc(0) };
    while (!collector.full()) {
      const reached = await sweep(file, from, collector);
      if (reached.offset > from.offset) {
        from = reached;
        continue;
      }
      const rest = Buffer.alloc(MAX_LINE_BYTES + 1);
      const { bytesRead } = await file.read(rest, 0, rest.length, from.offset);
      if (bytesRead < rest.length) {
        // The last line may have no newline yet.
        scan(rest.subarray(0, bytesRead), from.offset, collector);
        return;
      }
      collector.skip();
      from = { offset: await endOfLine(file, from.offset), tail: Buffer.alloc(0) };
    }
  } finally {
    await file.close();
  }
}

/** The offset after the next newline, or the end of the file. */
async function endOfLine(file: FileHandle, from: number): Promise<number> {
  const block = Buffer.alloc(MAX_LINE_BYTES);
  for (let at = from; ; ) {
    const { bytesRead } = await file.read(block, 0, block.length, at);
    const newline = block.subarray(0, bytesRead).indexOf(NEWLINE);
    if (newline >= 0) return at + newline + 1;
    if (bytesRead === 0) return at;
    at += bytesRead;
  }
}

async function scanBlocks(blocks: Readable, { scan }: Scanner, collector: PieceCollector): Promise<void> {
  let rest = Buffer.alloc(0);
  let isSkipping = false;
  for await (const block of blocks) {
    if (!Buffer.isBuffer(block)) continue;
    let bytes = block;
    if (isSkipping) {
      const end = bytes.indexOf(NEWLINE);
      if (end < 0) continue;
      bytes = bytes.subarray(end + 1);
      isSkipping = false;
    }
    const whole = bytes.lastIndexOf(NEWLINE) + 1;
    if (whole > 0) {
      // Only the first line needs the end of the block before.
      const first = rest.length > 0 ? bytes.indexOf(NEWLINE) + 1 : 0;
      if (first > 0) scan(Buffer.concat([rest, bytes.subarray(0, first)]), 0, collector);
      scan(bytes.subarray(first, whole), 0, collector);
      rest = Buffer.from(bytes.subarray(whole));
    } else rest = Buffer.concat([rest, bytes]);
    if (rest.length > MAX_LINE_BYTES) {
      collector.skip();
      isSkipping = true;
      rest = Buffer.alloc(0);
    }
    if (collector.full()) return;
  }
  scan(rest, 0, collector);
}

/**
 * Reads times of rows so that they never decrease, except after a row with a wrong time.
 *
 * @param first time before the first row, ms since the epoch @param now later times cannot be true, ms since the epoch
 */
function clock(first: number, now: number) {
  const counts = { future: 0, older: 0 };
  let [last, older] = [Math.min(first, now), 0];
  return {
    counts,
    read(emittedAt: number | undefined): number {
      let at = emittedAt ?? last;
      if (at > now) {
        counts.future++;
        at = last;
      }
      if (last - at > TOLERANCE_MS) {
        counts.older++;
        older++;
        // The rows before had a clock that was ahead.
        if (older > MAX_OLDER) last = at;
      } else older = 0;
      last = Math.max(last, at);
      return last;
    },
  };
}

function doubtsAbout(counts: {
  malformed: number;
  unreadable: number;
  tooLong: number;
  untimed: number;
  future: number;
  older: number;
}): string[] {
  const { unreadable, tooLong, untimed, future, older } = counts;
  const about: Array<[number, string]> = [
    [unreadable, 'parts of lines name an alert but cannot be read. They are left out.'],
    [tooLong, 'lines are longer than 1 MiB. They are left out.'],
    [untimed, 'rows have a time that cannot be read. They count at the time of the row before.'],
    [future, 'rows are from the future. They count at the time of the row before.'],
    [older, 'rows are more than a minute older than a row before them. They count at the time of that row.'],
  ];
  return about.flatMap(([n, text]) => (n > 0 ? [`${n} ${text}`] : []));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
