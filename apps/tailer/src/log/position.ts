/**
 * The position in a log: each file that is not read to its end, with the byte offset reached. A name changes when a
 * file is rotated, and the file system reuses inodes. So a file is identified by its device, inode and birthtime, and by
 * a fingerprint of the bytes before the offset. Only the fingerprint identifies a copy, such as copytruncate makes.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { fingerprintOf, readTail } from './fingerprint.ts';

/** One file of a log, and the offset up to which it is read. */
export interface FileState {
  device: string;
  inode: string;
  /** Creation time, ns since the epoch; `0` if the file system does not provide it. */
  birthtime: string;
  /** Bytes; 0, or just after a newline. */
  offset: number;
  /** Hash of the bytes before the offset, see fingerprint.ts; empty at offset 0. */
  fingerprint: string;
}

/** The position in a log, and the files that need no more reading. */
export interface Position {
  /** Files that are not finished, oldest first. */
  files: FileState[];
  /** Each {@link fileKey} of a finished file that rotation still keeps, so that it is not read as a new one. */
  finished: string[];
}

/** The position before any file exists: the first file that appears is read from its start. */
export const NOWHERE: Position = { files: [], finished: [] };

/** The state of an open file at an offset. */
export async function fileStateAt(file: FileHandle, offset: number): Promise<FileState> {
  const { dev, ino, birthtimeNs } = await file.stat({ bigint: true });
  const fingerprint = fingerprintOf(await readTail(file, offset));
  return { device: String(dev), inode: String(ino), birthtime: String(birthtimeNs), offset, fingerprint };
}

/** Identifies a file independently of its name. A reused inode has another birthtime. */
export function fileKey({ device, inode, birthtime }: Pick<FileState, 'device' | 'inode' | 'birthtime'>): string {
  return `${device}-${inode}-${birthtime}`;
}

/** The {@link fileKey} that belongs to the result of `stat`. */
export function statKey({ dev, ino, birthtimeNs }: BigIntStats): string {
  return fileKey({ device: String(dev), inode: String(ino), birthtime: String(birthtimeNs) });
}
