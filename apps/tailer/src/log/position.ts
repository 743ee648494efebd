/** The position's parts that need the file itself: its state, and its key. See the shared package's store/position.ts. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FileState } from '@kora-wake/shared/store/position';
import { fingerprintOf, readTail } from './fingerprint.ts';

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
