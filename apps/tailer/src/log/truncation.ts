/**
 * Truncation: the live file starts again at offset 0. If rotation copied the file before (copytruncate), the rows that
 * were not read yet are in the copy.
 */
import { type FileHandle, stat } from 'node:fs/promises';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { readHead } from './fingerprint.ts';
import { compacted } from './finished.ts';
import type { LogFile } from './log-file.ts';
import { fileKey, statKey } from './position.ts';
import {
  type FollowedLog,
  findSameOrCopy,
  listRotatedFiles,
  openKeys,
  openRotated,
  type RotatedFile,
  rotatedSince,
} from './rotation.ts';

/** Reads a truncated file again from 0, and before it the rest of its copy, if there is one. */
export async function handleTruncation(followed: FollowedLog, file: LogFile): Promise<void> {
  const { path, log, files } = followed;
  const { offset } = file.state;
  const { size } = await file.handle.stat();
  const rotated = await listRotatedFiles(path);
  const copy = await findSameOrCopy(file.state, rotated);
  const [readCopy] = copy ? [] : await markCopiesRead(followed, file, rotated);
  if (copy) {
    const message = 'the log was copied and truncated; reading the rest of the copy';
    logEvent(log, 'log.copytruncated', { path: copy.path, offset }, message);
  } else if (readCopy) {
    const message = 'the log was copied and truncated; the copy holds no unread rows';
    logEvent(log, 'log.copytruncated', { path: readCopy.path, offset }, message);
  } else logEvent(log, 'log.truncated', { offset, size });
  const again = await followed.open(file.handle, 0, path);
  files.splice(files.indexOf(file), 1, ...(copy ? [await followed.open(copy.handle, offset, copy.path)] : []), again);
}

/** Marks as finished each copy that is shorter than the part already read: it has no new rows. Returns these copies. */
async function markCopiesRead(followed: FollowedLog, file: LogFile, rotated: RotatedFile[]): Promise<RotatedFile[]> {
  const copies: RotatedFile[] = [];
  for (const candidate of rotated) {
    if (candidate.compressed || candidate.size === 0 || candidate.size >= file.state.offset) continue;
    const length = Math.min(candidate.size, file.head.length);
    const head = await usingRotated(followed, candidate, (handle) => readHead(handle, length));
    if (head?.equals(file.head.subarray(0, length))) copies.push(candidate);
  }
  const finished = [...followed.finished.finished, ...copies.map(({ key }) => key)];
  followed.finished = compacted({ ...followed.finished, finished }, rotated, openKeys(followed));
  return copies;
}

async function usingRotated<T>(
  followed: FollowedLog,
  rotated: RotatedFile,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const handle = await openRotated(followed, rotated);
  try {
    return handle && (await use(handle));
  } finally {
    await handle?.close();
  }
}

/**
 * Inserts unread copies before the live file while it is at offset 0, and returns whether there were any. At offset 0
 * there is no fingerprint, so a truncation cannot be detected; a copy is the only sign of it.
 */
export async function findRotatedCopies(followed: FollowedLog, file: LogFile): Promise<boolean> {
  const { path, files } = followed;
  if (file.state.offset > 0 || file !== files.at(-1)) return false;
  const named = await stat(path, { bigint: true }).catch(() => undefined);
  if (!named || statKey(named) !== fileKey(file.state)) return false;
  const copies = await rotatedSince(followed, file.state, file);
  files.splice(-1, 0, ...copies);
  return copies.length > 0;
}
