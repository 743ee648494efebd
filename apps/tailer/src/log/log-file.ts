/**
 * One open file of a log: reads the lines after its offset, and detects that the file was truncated.
 *
 * The offset always follows a newline, so a half-written last line is read once it is complete. A line longer than
 * {@link MAX_LINE_BYTES} is skipped in pieces, so memory stays bounded.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode } from '@kora-wake/shared/runtime/errors';
import type { FileState } from '@kora-wake/shared/store/position';
import { FINGERPRINT_BYTES, fingerprintOf, readHead, readTail } from './fingerprint.ts';
import { fileStateAt } from './position.ts';
import { CARRIAGE_RETURN, type Collector, type LineStart, MAX_LINE_BYTES, NEWLINE, scanner, tailAt } from './scan.ts';

export interface LogFile {
  handle: FileHandle;
  state: FileState;
  /** The bytes that the fingerprint covers. Each read compares them, which shows whether the file was truncated. */
  tail: Buffer;
  /** First bytes that were read, at most {@link FINGERPRINT_BYTES}. A copy of the file starts with the same bytes. */
  head: Buffer;
  /** The bytes after the offset that are being skipped. It exists in memory only: after a restart they are skipped again. */
  skip: Skip | undefined;
  backlog: Backlog;
  /** True if its earlier lines are UTF-16, and the next lines will be reported. */
  isUtf16: boolean;
  /** The largest size seen, bytes, and the time at which it was first seen, ms by `clock`. */
  grown: { size: number; at: number };
}

/** The bytes that a file already had when the follower found it, unless the file was created while the log was followed. */
export interface Backlog {
  /** Offset of their end, bytes; 0 if there are none. */
  end: number;
  /** True if they may be older than the last time at which the whole log was read. */
  mayBeOlder: boolean;
}

/** An over-long line, or a hole: NUL bytes that a writer without O_APPEND leaves after copytruncate. A row may follow a hole. */
interface Skip {
  /** The offset at which the search for the newline continues, or for the end of the hole, bytes. */
  from: number;
  /** First bytes of the line or hole. */
  head: Buffer;
  isHole: boolean;
}

/** A line that is not read. */
export interface SkippedLine {
  offset: number;
  reason: 'too_long' | 'utf_16';
  /** Its first bytes. */
  head: Buffer;
}

/** The result of one read. */
export type FileRead<C> =
  /** Whole lines. `next` is the file after them. */
  | { kind: 'lines'; found: C; skipped: SkippedLine[]; next: LogFile }
  /** No whole line. `rest` is the half-written last line, valid until the next read. */
  | { kind: 'rest'; rest: Buffer }
  /** The bytes before the offset changed, so the file was truncated. */
  | { kind: 'truncated' };

export interface LogFileReader<C> {
  /** Starts to read an open file at `offset`, bytes. @param at as in {@link FileState} */
  open(handle: FileHandle, offset: number, at: string, backlog: Backlog): Promise<LogFile>;
  /** Reads the lines after the file's offset. The offset itself does not move; `next` has the new one. */
  read(file: LogFile): Promise<FileRead<C>>;
  /** Collects the last line of a file that gets no more bytes, although the line has no newline. */
  lastLine(file: LogFile, rest: Buffer): C;
}

export interface LogFileOptions<C> {
  /** Texts of which a line must contain one to be collected. */
  seams: readonly string[];
  /** Makes the collector for the lines of one batch of a file. It is called again if a batch is read again. */
  collect(backlog: Backlog): C;
  /** A clock that never goes back, ms. */
  clock(): number;
}

/** Size of the first read, bytes. Most polls find less new data. */
export const CHUNK_BYTES = 256 * 1024;

export function logFileReader<C extends Collector>({ seams, collect, clock }: LogFileOptions<C>): LogFileReader<C> {
  let buffer = Buffer.allocUnsafeSlow(FINGERPRINT_BYTES + CHUNK_BYTES);
  const { scan, sweep } = scanner(seams);

  async function read(file: LogFile): Promise<FileRead<C>> {
    for (;;) {
      const prefix = file.skip ? 0 : file.tail.length;
      const at = file.skip?.from ?? file.state.offset;
      const room = Math.min(buffer.length, prefix + MAX_LINE_BYTES + 1);
      const { bytesRead } = await file.handle.read(buffer, 0, room, at - prefix);
      const end = at - prefix + bytesRead;
      if (!buffer.subarray(0, Math.min(prefix, bytesRead)).equals(file.tail.subarray(0, prefix)))
        return { kind: 'truncated' };
      if (file.skip && !(await isSameLine(file, file.skip))) return { kind: 'truncated' };
      if (!(await hasHead(file))) return { kind: 'truncated' };
      if (end > file.grown.size) file.grown = { size: end, at: clock() };
      const bytes = buffer.subarray(prefix, bytesRead);
      const full = bytesRead === room;
      const newline = file.skip && !file.skip.isHole ? bytes.indexOf(NEWLINE) : bytes.lastIndexOf(NEWLINE);
      if (file.skip?.isHole || (!file.skip && !file.isUtf16 && newline < 0 && bytes[0] === NUL)) {
        const afterHole = await readAfterHole(file, bytes, at, newline, full);
        if (afterHole) return afterHole;
        continue;
      }
      if (newline >= 0 && file.skip) {
        // The buffer has only the last piece of the over-long line, which may be shorter than a fingerprint.
        const offset = at + newline + 1;
        const next = await advance(file, { offset, tail: await readTail(file.handle, offset) });
        const skipped = skippedLines(file);
        return { kind: 'lines', found: collect(file.backlog), skipped, next };
      }
      if (newline >= 0) {
        const found = collect(file.backlog);
        const skipped: SkippedLine[] =
          file.isUtf16 || (at === 0 && beginsAsUtf16(bytes))
            ? [{ offset: at, reason: 'utf_16', head: headOf(bytes) }]
            : [];
        const reached = await readFurther(file, bytes.subarray(0, newline + 1), full, found);
        if (!reached) return { kind: 'truncated' };
        return { kind: 'lines', found, skipped, next: await advance(file, reached) };
      }
      const carriageReturn = file.skip ? -1 : lastLineEnd(bytes, clock() - file.grown.at >= CR_WAIT_MS);
      if (carriageReturn >= 0) {
        const found = collect(file.backlog);
        scan(bytes.subarray(0, carriageReturn), at, found);
        const tail = tailAt(bytes, carriageReturn + 1, file.tail);
        const next = await advance(file, { offset: at + carriageReturn + 1, tail });
        return { kind: 'lines', found, skipped: [], next };
      }
      if (file.skip) file.skip.from = end;
      else if (bytes.length > MAX_LINE_BYTES) file.skip = { from: end, head: headOf(bytes), isHole: false };
      else if (full) growBuffer(bytes.length);
      if (!full) return { kind: 'rest', rest: file.skip ? Buffer.alloc(0) : bytes };
    }
  }

  function growBuffer(length: number): void {
    buffer = Buffer.allocUnsafeSlow(FINGERPRINT_BYTES + Math.min(length * 2, MAX_LINE_BYTES + 1));
  }

  /**
   * Reads on in or after a hole. The rows after it have their own offsets, which do not depend on the hole.
   *
   * @param bytes read at the offset `at`
   * @param newline index of their last newline, or -1
   * @returns undefined if more must be read first
   */
  async function readAfterHole(
    file: LogFile,
    bytes: Buffer,
    at: number,
    newline: number,
    full: boolean,
  ): Promise<FileRead<C> | undefined> {
    const head = file.skip?.head ?? headOf(bytes);
    const zeros = leadingZeros(bytes);
    if (zeros > 0) {
      file.skip = { from: at + zeros, head, isHole: true };
      return zeros === bytes.length && !full ? { kind: 'rest', rest: Buffer.alloc(0) } : undefined;
    }
    if (newline >= 0) {
      const found = collect(file.backlog);
      const offset = at + scan(bytes.subarray(0, newline + 1), at, found);
      const next = await advance(file, { offset, tail: await readTail(file.handle, offset) });
      return { kind: 'lines', found, skipped: [], next };
    }
    if (bytes.length > MAX_LINE_BYTES) file.skip = { from: at + bytes.length, head, isHole: false };
    else if (full) growBuffer(bytes.length);
    else return { kind: 'rest', rest: bytes };
    return undefined;
  }

  /**
   * Scans the lines that were read at the file's offset, and the lines after them if there are more. Returns undefined
   * if the file was truncated meanwhile: old and new content can then not be told apart.
   */
  async function readFurther(file: LogFile, lines: Buffer, more: boolean, into: C): Promise<LineStart | undefined> {
    const { offset } = file.state;
    const scanned = scan(lines, offset, into);
    const after = { offset: offset + scanned, tail: tailAt(lines, scanned, file.tail) };
    if (!more || scanned < lines.length) return after;
    const reached = await sweep(file.handle, after, into);
    const begin = lines.subarray(0, FINGERPRINT_BYTES);
    const beginNow = Buffer.alloc(begin.length);
    await file.handle.read(beginNow, 0, beginNow.length, offset);
    if (!beginNow.equals(begin) || (await file.handle.stat()).size < reached.offset) return undefined;
    if (reached.offset > file.grown.size) file.grown = { size: reached.offset, at: clock() };
    return reached;
  }

  return {
    open: async (handle, offset, at, backlog) => {
      const [state, tail, head] = await Promise.all([
        fileStateAt(handle, offset, at),
        readTail(handle, offset),
        readHead(handle, offset),
      ]);
      const isUtf16 = beginsAsUtf16(head);
      return { handle, state, tail, head, skip: undefined, backlog, isUtf16, grown: { size: offset, at: clock() } };
    },
    read,
    lastLine: (file, rest) => {
      const found = collect(file.backlog);
      scan(rest, file.skip?.isHole ? file.skip.from : file.state.offset, found);
      return found;
    },
  };
}

const NUL = 0x00;
/** A row that ends with a carriage return is complete if no newline follows within this time, ms. */
const CR_WAIT_MS = 1_000;

/** Index of the last carriage return that ends a row, or -1. A raw one inside a row does not. */
function lastLineEnd(bytes: Buffer, isQuiet: boolean): number {
  for (let at = bytes.lastIndexOf(CARRIAGE_RETURN); at > 0; at = bytes.lastIndexOf(CARRIAGE_RETURN, at - 1)) {
    const isLast = at === bytes.length - 1;
    if (bytes[at - 1] === CLOSING_BRACE && (isLast ? isQuiet : bytes[at + 1] === OPENING_BRACE)) return at;
  }
  return -1;
}
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

function leadingZeros(bytes: Buffer): number {
  let zeros = 0;
  while (zeros < bytes.length && bytes[zeros] === NUL) zeros++;
  return zeros;
}

function headOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, FINGERPRINT_BYTES));
}

/** The over-long line that is being skipped. */
export function skippedLines({ state, skip }: LogFile): SkippedLine[] {
  return skip && !skip.isHole ? [{ offset: state.offset, reason: 'too_long', head: skip.head }] : [];
}

/** Characters that are compared to recognize UTF-16. */
const SAMPLE = 8;

/** Whether a file begins with UTF-16: with its byte order mark, or with ASCII in which every second byte is NUL. */
function beginsAsUtf16(bytes: Buffer): boolean {
  if (bytes.length < 2 * SAMPLE) return false;
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return true;
  const zerosFrom = (first: number) => {
    for (let i = 0; i < 2 * SAMPLE; i++) if ((bytes[i] === NUL) !== (i % 2 === first)) return false;
    return true;
  };
  return zerosFrom(0) || zerosFrom(1);
}

/** Whether the over-long line is still in the file at its old offset, after the same bytes as before. */
async function isSameLine({ handle, state, tail }: LogFile, { from, head }: Skip): Promise<boolean> {
  const before = Buffer.concat([tail, head]);
  const now = Buffer.alloc(before.length);
  await handle.read(now, 0, now.length, state.offset - tail.length);
  return now.equals(before) && (await handle.stat()).size >= from;
}

/** Whether the file still begins with the same bytes. The bytes before the offset may be equal in two alerts of a probe. */
async function hasHead({ handle, state, head }: LogFile): Promise<boolean> {
  return state.offset <= FINGERPRINT_BYTES || (await readHead(handle, head.length)).equals(head);
}

/** The file at a later offset. */
async function advance(file: LogFile, { offset, tail }: LineStart): Promise<LogFile> {
  const head = file.head.length < FINGERPRINT_BYTES ? await readHead(file.handle, offset) : file.head;
  const state = { ...file.state, offset, fingerprint: fingerprintOf(tail), head: fingerprintOf(head) };
  return { ...file, state, tail, head, skip: undefined, isUtf16: false };
}

/**
 * Opens a file, or returns undefined if it does not exist.
 *
 * @throws if the file cannot be read or is not a regular file; reading a pipe would block for ever
 */
export async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  throw new Error('it is not a regular file');
}
