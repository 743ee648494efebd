/** Large audit logs, made of the rows of an ordinary day. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { wakeRow } from '../test/support/rows.ts';

const SAMPLE = join(import.meta.dirname, '..', 'test', 'fixtures', 'sample.jsonl');

/** The rows of the day that are no wakes, each with its newline. */
const ORDINARY = readFileSync(SAMPLE, 'utf8')
  .split('\n')
  .filter((row) => row !== '' && !row.includes(WAKE_SEAM))
  .map((row) => `${row}\n`);

/** What a probe really wrote in its row of that day, over so many pairs; without its newline. */
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

/** ms; as many wakes as the largest log has, one each ms, fit into it. */
const HALF_HOUR_MS = 30 * 60_000;

export interface LogShape {
  /** Where it ends, at the first row past so many bytes; or after so many wakes. */
  bytes?: number;
  wakes?: number;
  /** One row in so many is a wake; 1: all. */
  oneIn: number;
  pairs: number;
  /** Put after each so many bytes: a line of that many. */
  longLine?: { every: number; bytes: number };
}

/** Writes a log whose wakes were emitted in the last half hour, one after the other. */
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
