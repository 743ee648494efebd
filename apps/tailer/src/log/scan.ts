/**
 * Finding the few lines that matter among many that do not, at the speed of memory. The bytes are searched, not the
 * lines: what holds no hit is never cut into lines, copied or parsed. What a hit is worth is told by parsing, later;
 * here a line that names the seam anywhere is one.
 */
import type { FileHandle } from 'node:fs/promises';
import { FINGERPRINT_BYTES } from './fingerprint.ts';

export interface Line {
  /** Without its newline. Valid only while it is taken. */
  bytes: Buffer;
  /** Where it begins in its file, bytes. */
  offset: number;
}

/** Takes the lines of one batch as they are found: while it reads them, the next bytes are on their way. */
export interface Collector {
  take(line: Line): void;
  /** Whether it has taken enough: the search then stops. */
  full(): boolean;
}

/** A place in a file that follows a newline. */
export interface Place {
  /** Bytes. */
  offset: number;
  /** The bytes before it, as many as a fingerprint is made of. */
  tail: Buffer;
}

/** A search stops after so many bytes in all, so that the position is committed now and then. */
const MAX_SPAN_BYTES = 256 * 1024 * 1024;
/** Longer lines are skipped and counted. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** What is read at once; larger reads leave the processor's cache and are slower. */
const BLOCK_BYTES = 960 * 1024;
/** So many reads are under way while a block is searched: a search is quicker than a read. */
const READS_AHEAD = 2;
/** The begun line that one read leaves to the next; with a longer one the sweep stops. */
const CARRY_BYTES = MAX_LINE_BYTES - BLOCK_BYTES;
const NEWLINE = 0x0a;

export interface Scanner {
  /**
   * Finds the lines of `bytes` that name the seam.
   *
   * @param bytes begin after a newline
   * @param offset where they begin in their file, bytes
   * @returns how many bytes were searched: all, or less where that was enough
   */
  scan(bytes: Buffer, offset: number, into: Collector): number;
  /** Searches the whole lines of a file from a place on, and returns the place it came to. Rejects as reads do. */
  sweep(file: FileHandle, from: Place, into: Collector): Promise<Place>;
}

/** Searches for a seam, such as `probe.wake_requested`. */
export function scanner(seam: string): Scanner {
  // A text is found by its first byte, and `p` is in every second word: after the dot it is rare.
  const prefix = Buffer.from(seam.slice(0, seam.lastIndexOf('.') + 1));
  const rare = Buffer.from(seam.slice(prefix.length));
  let blocks: Buffer[] | undefined;

  function scan(bytes: Buffer, offset: number, into: Collector): number {
    let from = 0;
    while (!into.full()) {
      const found = bytes.indexOf(rare, from);
      if (found < 0) return bytes.length;
      const hit = found - prefix.length;
      if (hit < 0 || !prefix.every((byte, i) => bytes[hit + i] === byte)) {
        from = found + 1;
        continue;
      }
      let begin = hit;
      // A line is short: to step back through it is quicker than to have it searched.
      while (begin > 0 && bytes[begin - 1] !== NEWLINE) begin--;
      const newline = bytes.indexOf(NEWLINE, found);
      const end = newline < 0 ? bytes.length : newline;
      into.take({ bytes: bytes.subarray(begin, end), offset: offset + begin });
      from = Math.min(end + 1, bytes.length);
    }
    return from;
  }

  async function sweep(file: FileHandle, from: Place, into: Collector): Promise<Place> {
    blocks ??= Array.from({ length: READS_AHEAD + 1 }, () => Buffer.allocUnsafeSlow(MAX_LINE_BYTES));
    const free = [...blocks];
    const reading: Array<Promise<{ block: Buffer; bytesRead: number }>> = [];
    const limit = from.offset + MAX_SPAN_BYTES;
    let at = from.offset;
    const readOn = () => {
      for (let block = free.pop(); block; block = free.pop()) {
        const into = block;
        const read = file
          .read(into, CARRY_BYTES, BLOCK_BYTES, at)
          .then(({ bytesRead }) => ({ block: into, bytesRead }));
        // One may fail before its turn has come, and is then told of when it has.
        read.catch(() => undefined);
        reading.push(read);
        at += BLOCK_BYTES;
      }
    };
    let place = from;
    /** What the block before ended with: a line that was only begun. */
    let begun = Buffer.alloc(0);
    try {
      for (;;) {
        readOn();
        const next = reading.shift();
        if (!next) return place;
        const { block, bytesRead } = await next;
        begun.copy(block, CARRY_BYTES - begun.length);
        const bytes = block.subarray(CARRY_BYTES - begun.length, CARRY_BYTES + bytesRead);
        const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
        const scanned = scan(whole, place.offset, into);
        if (scanned > 0) place = { offset: place.offset + scanned, tail: tailAt(whole, scanned, place.tail) };
        const more = bytesRead === BLOCK_BYTES && place.offset < limit;
        if (!more || into.full() || bytes.length - whole.length > CARRY_BYTES) return place;
        begun = Buffer.from(bytes.subarray(whole.length));
        free.push(block);
      }
    } finally {
      await Promise.allSettled(reading);
    }
  }

  return { scan, sweep };
}

/** What a fingerprint after `end` bytes is made of. @param before the same, of the place where `bytes` begin */
export function tailAt(bytes: Buffer, end: number, before: Buffer): Buffer {
  const last = bytes.subarray(Math.max(0, end - FINGERPRINT_BYTES), end);
  return last.length === FINGERPRINT_BYTES
    ? Buffer.from(last)
    : Buffer.concat([before, last]).subarray(-FINGERPRINT_BYTES);
}
