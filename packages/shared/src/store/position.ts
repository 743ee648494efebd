/**
 * The position in a log: each file that is not read to its end, with the byte offset reached. A name changes when a
 * file is rotated, the file system reuses inodes, and a device number changes when a volume is attached again. So a file
 * is identified by a fingerprint of the bytes before the offset. Inode and birthtime are only the faster way.
 *
 * Redis keeps the position as JSON. The field names of version 0.2 stay: `born` is the birthtime and `print` the
 * fingerprint. A commit compares the stored text byte for byte, so the order of the fields is fixed, and a field that 0.2
 * does not know is left out while it is empty.
 */
import { z } from 'zod';

/** One file of a log, and the offset up to which it is read. */
export interface FileState {
  device: string;
  inode: string;
  /** Creation time, ns since the epoch; `0` if the file system does not provide it. */
  birthtime: string;
  /** Bytes; 0, or just after a newline. */
  offset: number;
  /** Hash of the bytes before the offset; empty at offset 0. */
  fingerprint: string;
  /** Hash of the first bytes, since the bytes before the offset may be the same each time; empty if not known. */
  head: string;
  /** The real path under which it was opened, if links lead to another folder than the configured path; otherwise empty. */
  at: string;
}

/** The position in a log, and the files that need no more reading. */
export interface Position {
  /** Files that are not finished, oldest first. */
  files: FileState[];
  /** Key of each finished file that rotation still keeps and that is younger than `finishedUntil`. */
  finished: string[];
  /** Birthtime, ns: rotated files that are not younger are finished, unless they are in `files`. `0`: none. */
  finishedUntil: string;
  /** The last files that were finished, oldest first: the path may name one of them again. */
  recent: FileState[];
}

/** The position before any file exists: the first file that appears is read from its start. */
export const NOWHERE: Position = { files: [], finished: [], finishedUntil: '0', recent: [] };

const storedFile = z.object({
  device: z.string(),
  inode: z.string(),
  born: z.string().regex(/^\d+$/),
  offset: z.number().int().min(0),
  print: z.string(),
  head: z.string().optional(),
  at: z.string().optional(),
});
type StoredFile = z.infer<typeof storedFile>;
const storedPosition = z.object({
  files: z.array(storedFile),
  finished: z.array(z.string()),
  finishedUntil: z.string().regex(/^\d+$/).optional(),
  recent: z.array(storedFile).optional(),
});

export function encodePosition({ files, finished, finishedUntil, recent }: Position): string {
  const stored: z.infer<typeof storedPosition> = {
    files: files.map(encodeFile),
    finished,
    ...(finishedUntil !== NOWHERE.finishedUntil && { finishedUntil }),
    ...(recent.length > 0 && { recent: recent.map(encodeFile) }),
  };
  return JSON.stringify(stored);
}

/** Returns undefined if the text is not a position. */
export function decodePosition(stored: string): Position | undefined {
  try {
    const { files, finished, ...more } = storedPosition.parse(JSON.parse(stored));
    return {
      files: files.map(decodeFile),
      finished,
      finishedUntil: more.finishedUntil ?? NOWHERE.finishedUntil,
      recent: (more.recent ?? []).map(decodeFile),
    };
  } catch {
    return undefined;
  }
}

function encodeFile({ device, inode, birthtime, offset, fingerprint, head, at }: FileState): StoredFile {
  const stored = { device, inode, born: birthtime, offset, print: fingerprint };
  return { ...stored, ...(head !== '' && { head }), ...(at !== '' && { at }) };
}

function decodeFile({ device, inode, born, offset, print, head = '', at = '' }: StoredFile): FileState {
  return { device, inode, birthtime: born, offset, fingerprint: print, head, at };
}
