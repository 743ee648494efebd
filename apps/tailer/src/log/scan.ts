/**
 * Finds the few lines that contain a seam, at about the speed of memory. It searches the bytes, so a line without a
 * hit is never cut out, copied or parsed. A hit is only a candidate: the line may contain the seam anywhere, and
 * decide/rows.ts parses it later.
 */
import type { FileHandle } from 'node:fs/promises';
import { FINGERPRINT_BYTES } from './fingerprint.ts';

export interface Line {
  /** Without its newline. Valid only during the call of `take`. */
  bytes: Buffer;
  /** Offset of its first byte in the file. */
  offset: number;
}

/** Takes the lines of one batch as they are found. While it handles a line, the next bytes are being read. */
export interface Collector {
  /** @returns false if the line belongs to the next batch; then `full` returns true */
  take(line: Line): boolean;
  /** Whether the batch is large enough. The search then stops. */
  full(): boolean;
}

/** An offset at which a line starts. */
export interface LineStart {
  /** Bytes. */
  offset: number;
  /** The bytes before it that a fingerprint covers. */
  tail: Buffer;
}

/** A sweep stops after this number of bytes, so that the position is committed from time to time. */
const MAX_SPAN_BYTES = 256 * 1024 * 1024;
/** Longer lines are skipped and counted. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** Size of one read. Larger reads do not fit into the processor's cache and are slower. */
const BLOCK_BYTES = 960 * 1024;
/** Reads in progress while a block is searched. A search is faster than a read. */
const READS_AHEAD = 2;
/** Longest incomplete line that one block leaves to the next. A longer one ends the sweep. */
const CARRY_BYTES = MAX_LINE_BYTES - BLOCK_BYTES;
export const NEWLINE = 0x0a;
export const CARRIAGE_RETURN = 0x0d;

export interface Scanner {
  /**
   * Passes the lines of `bytes` that contain a seam to `into`, each once and in order.
   *
   * @param bytes start at the start of a line
   * @param offset of the first byte in the file
   * @returns the number of bytes searched: all, or fewer if `into` became full
   */
  scan(bytes: Buffer, offset: number, into: Collector): number;
  /** Searches the whole lines of a file after `from`, and returns the end of the last one. Rejects if a read fails. */
  sweep(file: FileHandle, from: LineStart, into: Collector): Promise<LineStart>;
}

/** `indexOf` searches up to this length for the first byte, many bytes at a time. A longer text costs several times as much. */
const MAX_NEEDLE = 6;
/** Rare in logs, the rarest first. */
const RARE_LETTERS = ['q', 'j', 'z', 'x', 'v', 'w', 'k'];

/** A seam, and the part of it that is searched for: it begins with the rarest letter. */
interface Needle {
  seam: Buffer;
  part: Buffer;
  /** Index of the part in the seam. */
  at: number;
}

function needleOf(seam: string): Needle {
  const rarest = RARE_LETTERS.find((letter) => seam.includes(letter));
  const at = rarest === undefined ? 0 : seam.indexOf(rarest);
  return { seam: Buffer.from(seam), part: Buffer.from(seam.slice(at, at + MAX_NEEDLE)), at };
}

function hasAt(bytes: Buffer, seam: Buffer, hit: number): boolean {
  for (let i = 0; i < seam.length; i++) if (bytes[hit + i] !== seam[i]) return false;
  return true;
}

/** The index of the seam at or after `from`, or Infinity. */
function indexOfSeam(bytes: Buffer, { seam, part, at }: Needle, from: number): number {
  for (let found = bytes.indexOf(part, from + at); found >= 0; found = bytes.indexOf(part, found + 1)) {
    const hit = found - at;
    if (hasAt(bytes, seam, hit)) return hit;
  }
  return Infinity;
}

/** Makes a scanner for seams, such as `probe.wake_requested`. */
export function scanner(seams: readonly string[]): Scanner {
  const needles = seams.map(needleOf);
  let blocks: Buffer[] | undefined;

  function scan(bytes: Buffer, offset: number, into: Collector): number {
    let from = 0;
    // Each seam is searched on its own; its next hit stays valid until the search has passed it.
    const hits = needles.map(() => -1);
    while (!into.full()) {
      let hit = Infinity;
      let i = 0;
      for (const needle of needles) {
        let next = hits[i] ?? -1;
        if (next < from) {
          next = indexOfSeam(bytes, needle, from);
          hits[i] = next;
        }
        if (next < hit) hit = next;
        i++;
      }
      if (hit === Infinity) return bytes.length;
      let begin = hit;
      // Most lines are short, so stepping back is faster than `lastIndexOf`.
      while (begin > 0 && bytes[begin - 1] !== NEWLINE) begin--;
      const newline = bytes.indexOf(NEWLINE, hit);
      const end = newline < 0 ? bytes.length : newline;
      if (!into.take({ bytes: bytes.subarray(begin, end), offset: offset + begin })) return begin;
      from = Math.min(end + 1, bytes.length);
    }
    return from;
  }

  async function sweep(file: FileHandle, from: LineStart, into: Collector): Promise<LineStart> {
    blocks ??= Array.from({ length: READS_AHEAD + 1 }, () => Buffer.allocUnsafeSlow(MAX_LINE_BYTES));
    const free = [...blocks];
    const reading: Array<Promise<{ block: Buffer; bytesRead: number }>> = [];
    const limit = from.offset + MAX_SPAN_BYTES;
    let at = from.offset;
    const startReads = () => {
      for (let block = free.pop(); block; block = free.pop()) {
        const into = block;
        const read = file
          .read(into, CARRY_BYTES, BLOCK_BYTES, at)
          .then(({ bytesRead }) => ({ block: into, bytesRead }));
        // A read may fail before its block is awaited. The error is then thrown by that await.
        read.catch(() => undefined);
        reading.push(read);
        at += BLOCK_BYTES;
      }
    };
    let reached = from;
    /** The incomplete line at the end of the block before. */
    let incomplete = Buffer.alloc(0);
    try {
      for (;;) {
        startReads();
        const next = reading.shift();
        if (!next) return reached;
        const { block, bytesRead } = await next;
        incomplete.copy(block, CARRY_BYTES - incomplete.length);
        const bytes = block.subarray(CARRY_BYTES - incomplete.length, CARRY_BYTES + bytesRead);
        const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
        const scanned = scan(whole, reached.offset, into);
        if (scanned > 0) reached = { offset: reached.offset + scanned, tail: tailAt(whole, scanned, reached.tail) };
        const more = bytesRead === BLOCK_BYTES && reached.offset < limit;
        if (!more || into.full() || bytes.length - whole.length > CARRY_BYTES) return reached;
        incomplete = Buffer.from(bytes.subarray(whole.length));
        free.push(block);
      }
    } finally {
      await Promise.allSettled(reading);
    }
  }

  return { scan, sweep };
}

/** The bytes that a fingerprint at `end` covers. @param before the same bytes for the start of `bytes` */
export function tailAt(bytes: Buffer, end: number, before: Buffer): Buffer {
  const last = bytes.subarray(Math.max(0, end - FINGERPRINT_BYTES), end);
  return last.length === FINGERPRINT_BYTES
    ? Buffer.from(last)
    : Buffer.concat([before, last]).subarray(-FINGERPRINT_BYTES);
}
