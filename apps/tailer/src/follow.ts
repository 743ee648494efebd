/**
 * From bytes to lines: follows one append-only file by its open descriptor.
 *
 * `read` looks at what stands after the position and never moves it; `accept` moves it, once the lines of a batch
 * are decided. So a batch that could not be decided is simply read again. The position always follows a newline: a
 * half-written last line waits. When the path comes to name another file, the open one is read to its end first;
 * when the file has shrunk below the position, it is read from its start.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';

/** A place in one file. No file yet: device and inode are empty. */
export interface Position {
  device: string;
  inode: string;
  /** Bytes; 0, or just past a newline. */
  offset: number;
}

export interface Line {
  /** Without its newline. Valid until the next `read`. */
  bytes: Buffer;
  /** Where it begins, bytes. */
  offset: number;
}

interface Batch {
  /** Whole lines that contain the searched text. */
  lines: Line[];
  /** Where lines over the cap began; they are skipped. */
  overlong: number[];
  from: Position;
  to: Position;
}

export interface Follower {
  /** What can be decided after the position, or null where there is nothing new. Rejects where the file cannot be read. */
  read(): Promise<Batch | null>;
  accept(batch: Batch): void;
  close(): Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;
/** Longer lines are skipped and counted. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** @param needle text that a line must contain to be of interest */
export function followFile(path: string, start: Position, needle: string): Follower {
  /** Where the last accepted batch ended. */
  let accepted = start;
  /** Where to read; differs from `accepted` where another file has been opened since. */
  let position = start;
  let file: FileHandle | undefined;
  let buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** Where to go on looking for the end of an over-long line; memory only, a restart skips it again. */
  let skipFrom: number | undefined;

  async function read(): Promise<Batch | null> {
    for (;;) {
      file ??= await openAt();
      if (!file) return null;
      const at = skipFrom ?? position.offset;
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      const bytes = buffer.subarray(0, bytesRead);
      const atEnd = bytesRead < buffer.length;
      if (skipFrom !== undefined) {
        const newline = bytes.indexOf(NEWLINE);
        if (newline >= 0) {
          skipFrom = undefined;
          return {
            lines: [],
            overlong: [position.offset],
            from: accepted,
            to: { ...position, offset: at + newline + 1 },
          };
        }
        skipFrom += bytesRead;
      } else {
        const last = bytes.lastIndexOf(NEWLINE);
        if (last >= 0) {
          const lines = linesWith(needle, bytes.subarray(0, last + 1), at);
          return { lines, overlong: [], from: accepted, to: { ...position, offset: at + last + 1 } };
        }
        if (bytesRead > MAX_LINE_BYTES) skipFrom = at + bytesRead;
        else if (bytesRead === buffer.length)
          buffer = Buffer.allocUnsafeSlow(Math.min(buffer.length * 2, MAX_LINE_BYTES + 1));
      }
      if (atEnd && !(await turnedOver(file, at + bytesRead))) return null;
    }
  }

  /** Opens what the path names now, at the position where it is the same file and at its start where it is another. */
  async function openAt(): Promise<FileHandle | undefined> {
    const opened = await open(path, 'r').catch(absent);
    if (!opened) return undefined;
    const { dev, ino, size } = await opened.stat({ bigint: true });
    const same = position.device === String(dev) && position.inode === String(ino) && size >= position.offset;
    if (!same) position = { device: String(dev), inode: String(ino), offset: 0 };
    skipFrom = undefined;
    return opened;
  }

  /** At the end of the open file, read up to `end`: whether there is more to read after all, there or elsewhere. */
  async function turnedOver(opened: FileHandle, end: number): Promise<boolean> {
    const named = await stat(path, { bigint: true }).catch(absent);
    if (!named) return false;
    const replaced = String(named.dev) !== position.device || String(named.ino) !== position.inode;
    if (!replaced && named.size >= (skipFrom ?? position.offset)) return false;
    // What was written between the last read and the renaming is still to come.
    if (replaced && (await opened.stat()).size > end) return true;
    await opened.close();
    file = undefined;
    if (!replaced) position = { ...position, offset: 0 };
    return true;
  }

  return {
    read,
    accept: (batch) => {
      accepted = position = batch.to;
      if (buffer.length > CHUNK_BYTES) buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    },
    close: async () => file?.close(),
  };
}

/** The position a source begins at when it was never followed before: after the last whole line, or at a file still to come. */
export async function endOf(path: string): Promise<Position> {
  const file = await open(path, 'r').catch(absent);
  if (!file) return { device: '', inode: '', offset: 0 };
  try {
    const { dev, ino, size } = await file.stat({ bigint: true });
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let end = Number(size);
    while (end > 0) {
      const begin = Math.max(0, end - buffer.length);
      const { bytesRead } = await file.read(buffer, 0, end - begin, begin);
      const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (newline >= 0) {
        end = begin + newline + 1;
        break;
      }
      end = begin;
    }
    return { device: String(dev), inode: String(ino), offset: end };
  } finally {
    await file.close();
  }
}

/** The lines of `bytes` (whole lines only) that contain `needle`; the others are never looked at. */
function linesWith(needle: string, bytes: Buffer, offset: number): Line[] {
  const lines: Line[] = [];
  let from = 0;
  for (;;) {
    const hit = bytes.indexOf(needle, from);
    if (hit < 0) return lines;
    const begin = bytes.lastIndexOf(NEWLINE, hit) + 1;
    const end = bytes.indexOf(NEWLINE, hit);
    lines.push({ bytes: bytes.subarray(begin, end), offset: offset + begin });
    from = end + 1;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
