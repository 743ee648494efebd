/**
 * Finding the few lines that matter among many that do not, at the speed of memory. The bytes are searched, not the
 * lines: what holds no hit is never cut into lines, copied or parsed. What a hit is worth is told by parsing, later;
 * here a line that names the seam anywhere is one.
 */
import type { FileHandle } from 'node:fs/promises';
import { PRINT_BYTES } from './identity.ts';

export interface Line {
  /** Without its newline. Valid until the next `read` of the follower. */
  bytes: Buffer;
  /** Where it begins in its file, bytes. */
  offset: number;
}

/** A place in a file that follows a newline. */
export interface Place {
  /** Bytes. */
  offset: number;
  /** The bytes before it, as many as a fingerprint is made of. */
  tail: Buffer;
}

/** A search stops at so many hits, so that a batch is decided and committed in a bounded time. */
export const MAX_LINES = 4_096;
/** And at so many bytes in them, so that memory stays bounded. */
const MAX_LINES_BYTES = 8 * 1024 * 1024;
/** And after so many bytes in all, so that the position is committed now and then. */
const MAX_SPAN_BYTES = 256 * 1024 * 1024;
/** Longer lines are skipped and counted. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** What is read at once; larger reads leave the processor's cache and are slower. */
const BLOCK_BYTES = 960 * 1024;
/** The begun line that one read leaves to the next; with a longer one the sweep stops. */
const CARRY_BYTES = MAX_LINE_BYTES - BLOCK_BYTES;
const NEWLINE = 0x0a;

export interface Scanner {
  /**
   * Adds the lines of `bytes` that name the seam to `lines`.
   *
   * @param bytes begin after a newline
   * @param offset where they begin in their file, bytes
   * @param copied whether the lines outlive `bytes`
   * @returns how many bytes were searched: all, or less where `lines` are full
   */
  scan(bytes: Buffer, offset: number, lines: Line[], copied: boolean): number;
  /** Searches the whole lines of a file from a place on, and returns the place it came to. Rejects as reads do. */
  sweep(file: FileHandle, from: Place, lines: Line[]): Promise<Place>;
}

/** Searches for a seam, such as `probe.wake_requested`. */
export function scanner(seam: string): Scanner {
  // A text is found by its first byte, and `p` is in every second word: after the dot it is rare.
  const prefix = Buffer.from(seam.slice(0, seam.lastIndexOf('.') + 1));
  const rare = Buffer.from(seam.slice(prefix.length));
  let blocks: [Buffer, Buffer] | undefined;

  function scan(bytes: Buffer, offset: number, lines: Line[], copied: boolean): number {
    let room = MAX_LINES_BYTES - lines.reduce((sum, line) => sum + line.bytes.length, 0);
    let from = 0;
    for (;;) {
      const found = bytes.indexOf(rare, from);
      if (found < 0) return bytes.length;
      const hit = found - prefix.length;
      if (hit < 0 || bytes.compare(prefix, 0, prefix.length, hit, found) !== 0) {
        from = found + 1;
        continue;
      }
      const begin = bytes.lastIndexOf(NEWLINE, hit) + 1;
      const newline = bytes.indexOf(NEWLINE, found);
      const end = newline < 0 ? bytes.length : newline;
      const line = bytes.subarray(begin, end);
      lines.push({ bytes: copied ? Buffer.from(line) : line, offset: offset + begin });
      room -= line.length;
      from = Math.min(end + 1, bytes.length);
      if (lines.length >= MAX_LINES || room <= 0) return from;
    }
  }

  async function sweep(file: FileHandle, from: Place, lines: Line[]): Promise<Place> {
    blocks ??= [Buffer.allocUnsafeSlow(MAX_LINE_BYTES), Buffer.allocUnsafeSlow(MAX_LINE_BYTES)];
    let [block, spare] = blocks;
    const limit = from.offset + MAX_SPAN_BYTES;
    const read = (into: Buffer, at: number) => file.read(into, CARRY_BYTES, BLOCK_BYTES, at);
    let place = from;
    let carried = 0;
    let at = from.offset;
    let reading = read(block, at);
    for (;;) {
      const { bytesRead } = await reading;
      const more = bytesRead === BLOCK_BYTES && at < limit;
      // The next block is read while this one is searched.
      if (more) reading = read(spare, at + BLOCK_BYTES);
      const bytes = block.subarray(CARRY_BYTES - carried, CARRY_BYTES + bytesRead);
      const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
      const scanned = scan(whole, place.offset, lines, true);
      if (scanned > 0) place = { offset: place.offset + scanned, tail: tailAt(whole, scanned, place.tail) };
      carried = bytes.length - whole.length;
      if (!more || scanned < whole.length || lines.length >= MAX_LINES || carried > CARRY_BYTES) {
        if (more) await reading;
        return place;
      }
      bytes.copy(spare, CARRY_BYTES - carried, whole.length);
      [block, spare] = [spare, block];
      at += BLOCK_BYTES;
    }
  }

  return { scan, sweep };
}

/** What a fingerprint after `end` bytes is made of. @param before the same, of the place where `bytes` begin */
export function tailAt(bytes: Buffer, end: number, before: Buffer): Buffer {
  const last = bytes.subarray(Math.max(0, end - PRINT_BYTES), end);
  return last.length === PRINT_BYTES ? Buffer.from(last) : Buffer.concat([before, last]).subarray(-PRINT_BYTES);
}
