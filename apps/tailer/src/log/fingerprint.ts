/**
 * Which file is which. Names change under rotation and inodes are used again, so a file is known by device, inode
 * and a fingerprint of the bytes just before the place it was read up to. A copy (which copytruncate leaves) has
 * the fingerprint alone.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { errorCode } from '@kora-wake/shared/runtime/errors';

/** One file of a log, and how far it is read. */
export interface FileState {
  device: string;
  inode: string;
  /** When it was made, ns since the epoch; `0` where the file system does not say. */
  born: string;
  /** Bytes; 0, or just past a newline. */
  offset: number;
  /** Of up to {@link FINGERPRINT_BYTES} before the offset; empty at offset 0. */
  print: string;
}

/** A file in the folder of the log that rotation may have made. */
export interface Sibling {
  path: string;
  key: string;
  /** As in {@link FileState}. */
  born: string;
  /** Bytes. */
  size: number;
  /** Nobody reads these back: they are only reported. */
  compressed: boolean;
}

/** Longer than any row's head, so that rows with a time in them make it unique. */
export const FINGERPRINT_BYTES = 1024;

const COMPRESSED = new Set(['.gz', '.bz2', '.xz', '.zst', '.lz4', '.zip', '.Z']);

/** The fingerprint of the bytes before an offset. */
export function fingerprintOf(tail: Buffer): string {
  return tail.length === 0 ? '' : createHash('sha256').update(tail).digest('hex').slice(0, 16);
}

/** The bytes a fingerprint is made of, read from an open file. Shorter than asked where the file is. */
export async function tailOf(file: FileHandle, offset: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(offset, FINGERPRINT_BYTES));
  const { bytesRead } = await file.read(tail, 0, tail.length, offset - tail.length);
  return tail.subarray(0, bytesRead);
}

/** The first bytes of an open file, up to as many as a fingerprint has and no more than `length`. */
export async function headOf(file: FileHandle, length: number): Promise<Buffer> {
  const head = Buffer.alloc(Math.min(length, FINGERPRINT_BYTES));
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

/** What an open file is, at the given offset. */
export async function identify(file: FileHandle, offset: number): Promise<FileState> {
  const { dev, ino, birthtimeNs } = await file.stat({ bigint: true });
  const print = fingerprintOf(await tailOf(file, offset));
  return { device: String(dev), inode: String(ino), born: String(birthtimeNs), offset, print };
}

/** What a file is called here, whatever its name: an inode that is used again has another birth. */
export function fileKey({ device, inode, born }: Pick<FileState, 'device' | 'inode' | 'born'>): string {
  return `${device}-${inode}-${born}`;
}

/** The {@link fileKey} of what a look at the file system found. */
export function statKey({ dev, ino, birthtimeNs }: BigIntStats): string {
  return fileKey({ device: String(dev), inode: String(ino), born: String(birthtimeNs) });
}

/** Whether an open file has, before the state's offset, what was read there. */
export async function hasFingerprint(file: FileHandle, state: FileState): Promise<boolean> {
  const tail = await tailOf(file, state.offset);
  return tail.length === Math.min(state.offset, FINGERPRINT_BYTES) && fingerprintOf(tail) === state.print;
}

/**
 * Opens a file, or gives undefined where there is none.
 *
 * @throws where it cannot be read, or is no regular file; a pipe would block for ever
 */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
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

/** What rotation calls a log's earlier files: `log.jsonl.1`, `log.jsonl-20261122`, `log-20261122.jsonl`, compressed or not. */
export function isSiblingName(path: string, name: string): boolean {
  const base = basename(path);
  const stem = base.slice(0, base.length - extname(base).length);
  return name !== base && name.startsWith(stem) && /^[._-]/.test(name.slice(stem.length));
}

/** The log's earlier files, oldest first; of those made in the same tick of the clock, the higher number first. */
export async function siblingsOf(path: string): Promise<Sibling[]> {
  const names = (await readdir(dirname(path))).filter((name) => isSiblingName(path, name));
  const found = await Promise.all(
    names.map(async (name): Promise<Sibling | undefined> => {
      const full = join(dirname(path), name);
      const stats = await stat(full, { bigint: true }).catch(() => undefined);
      if (!stats?.isFile()) return undefined;
      return {
        path: full,
        key: statKey(stats),
        born: String(stats.birthtimeNs),
        size: Number(stats.size),
        compressed: COMPRESSED.has(extname(name)),
      };
    }),
  );
  return found
    .filter((sibling) => sibling !== undefined)
    .toSorted(
      (a, b) => Number(BigInt(a.born) - BigInt(b.born)) || -a.path.localeCompare(b.path, 'en', { numeric: true }),
    );
}
