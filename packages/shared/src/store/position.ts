/**
 * The position in a log: each file that is not read to its end, with the byte offset reached. A name changes when a
 * file is rotated, and the file system reuses inodes. So a file is identified by its device, inode and birthtime, and by
 * a fingerprint of the bytes before the offset. Only the fingerprint identifies a copy, such as copytruncate makes.
 *
 * Redis keeps the position as JSON. Its field names are those of version 0.2: `born` is the birthtime and `print` the
 * fingerprint. A commit compares the stored text byte for byte, so the order of the fields is fixed as well.
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
}

/** The position in a log, and the files that need no more reading. */
export interface Position {
  /** Files that are not finished, oldest first. */
  files: FileState[];
  /** Key of each finished file that rotation still keeps, so that it is not read as a new one. */
  finished: string[];
}

/** The position before any file exists: the first file that appears is read from its start. */
export const NOWHERE: Position = { files: [], finished: [] };

const storedFile = z.object({
  device: z.string(),
  inode: z.string(),
  born: z.string().regex(/^\d+$/),
  offset: z.number().int().min(0),
  print: z.string(),
});
const storedPosition = z.object({ files: z.array(storedFile), finished: z.array(z.string()) });

export function encodePosition({ files, finished }: Position): string {
  const stored: z.infer<typeof storedPosition> = {
    files: files.map(({ device, inode, birthtime, offset, fingerprint }) => ({
      device,
      inode,
      born: birthtime,
      offset,
      print: fingerprint,
    })),
    finished,
  };
  return JSON.stringify(stored);
}

/** Returns undefined if the text is not a position. */
export function decodePosition(stored: string): Position | undefined {
  try {
    const { files, finished } = storedPosition.parse(JSON.parse(stored));
    return {
      files: files.map(({ device, inode, born, offset, print }) => ({
        device,
        inode,
        birthtime: born,
        offset,
        fingerprint: print,
      })),
      finished,
    };
  } catch {
    return undefined;
  }
}
