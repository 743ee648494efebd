/** Generates large audit logs from the rows of an ordinary day. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { wakeRow } from '../test/support/rows.ts';

const SAMPLE = join(import.meta.dirname, '..', 'test', 'fixtures', 'sample.jsonl');

/** The rows of that day that are not wakes, each with its newline. */
const ORDINARY = readFileSync(SAMPLE, 'utf8')
  .split('\n')
  .filter((row) => row !== '' && !row.includes(WAKE_SEAM))
  .map((row) => `${row}\n`);

/** A wake row like the one of that day, spread over `pairs` pairs; without newline. */
export function rowOfWake(number: number, pairs: number, emittedAt: string): string {
  const pair = number % pairs;
  return wakeRow({
    probe: `probe-${pair % 10}`,
    category: `category-${Math.floor(pair / 10)}`,
    title: `alert ${number}`,
    detail: DETAIL,
    emittedAt,
  });
}

const DETAIL =
  "Fly probe reported status=unhealthy. error='HTTP 401'. Deploy-control impact: app machines may be unreachable; scale-down / restart actions may not complete.";

/** ms. The largest log has one wake per ms, and all of them fit into this time. */
const HALF_HOUR_MS = 30 * 60_000;

export interface LogShape {
  /** The log ends with the first row past `bytes`, or after `wakes` wakes. */
  bytes?: number;
  wakes?: number;
  /** Every n-th row is a wake; 1: all rows. */
  oneIn: number;
  pairs: number;
  /** Inserts a line of `bytes` after each `every` bytes. */
  longLine?: { every: number; bytes: number };
}

/** Writes a log whose wakes were emitted in the last half hour, in order. */
export function writeLog(path: string, { bytes = Infinity, wakes = Infinity, oneIn, pairs, longLine }: LogShape) {
  const file = openSync(path, 'a');
  const begun = Date.now() - HALF_HOUR_MS;
  const at = (wake: number) => new Date(begun + wake).toISOString().replace('Z', '+00:00');
  const written = { bytes: 0, rows: 0, wakes: 0 };
  let nextLong = longLine?.every ?? Infinity;
  let block = '';
  const flush = () => {
    written.bytes += writeSync(file, block);
    block = '';
  };
  while (written.bytes + block.length < bytes && written.wakes < wakes) {
    written.rows++;
    if (written.rows % oneIn === 0) block += `${rowOfWake(written.wakes, pairs, at(written.wakes++))}\n`;
    else block += ORDINARY[written.rows % ORDINARY.length];
    if (longLine && written.bytes + block.length > nextLong) {
      block += `${JSON.stringify({ seam: 'mcp.tool_called', details: { output: 'x'.repeat(longLine.bytes) } })}\n`;
      nextLong += longLine.every;
    }
    if (block.length > 4 * 2 ** 20) flush();
  }
  flush();
  closeSync(file);
  return written;
}
