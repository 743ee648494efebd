/** The position's parts that need the file itself: its state, and its key. See the shared package's store/position.ts. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FileState } from '@kora-wake/shared/store/position';
import { fingerprintOf, readHead, readTail } from './fingerprint.ts';

/** The state of an open file at an offset. @param at as in {@link FileState} */
export async function fileStateAt(file: FileHandle, offset: number, at: string): Promise<FileState> {
  const [{ dev, ino, birthtimeNs }, tail, head] = await Promise.all([
    file.stat({ bigint: true }),
    readTail(file, offset),
    readHead(file, offset),
  ]);
  return {
    device: String(dev),
    inode: String(ino),
    birthtime: String(birthtimeNs),
    offset,
    fingerprint: fingerprintOf(tail),
    head: fingerprintOf(head),
    at,
  };
}

/**
 * Identifies a file independently of its name. A reused inode has another birthtime. The device is not part of it: it
 * changes when a volume is attached again, and the files of one log are nearly always on one device.
 */
export function fileKey({ inode, birthtime }: Pick<FileState, 'inode' | 'birthtime'>): string {
  return `${inode}-${birthtime}`;
}

/** The {@link fileKey} that belongs to the result of `stat`. */
export function statKey({ ino, birthtimeNs }: BigIntStats): string {
  return fileKey({ inode: String(ino), birthtime: String(birthtimeNs) });
}

/** The {@link fileKey} in a key of version 0.2, which begins with the device; other keys stay as they are. */
export function withoutDevice(key: string): string {
  return key.split('-').slice(-2).join('-');
}
