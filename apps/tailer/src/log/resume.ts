/** The start of a follower: finds the files of the stored position again, or makes the first position of a log. */

import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { type FileState, NOWHERE, type Position } from '@kora-wake/shared/store/position';
import { hasFingerprint } from './fingerprint.ts';
import { compacted } from './finished.ts';
import { CHUNK_BYTES, type LogFile, openIfExists } from './log-file.ts';
import { fileKey, fileStateAt, statKey } from './position.ts';
import {
  type FollowedLog,
  findSameOrCopy,
  finishRotated,
  listFilesElsewhere,
  listRotatedFiles,
  openNewFile,
  type RotatedFile,
} from './rotation.ts';
import { NEWLINE } from './scan.ts';

/**
 * Opens the files of a position, and the files that came after them. They are added to `followed.files`. A file that is
 * gone is logged.
 *
 * @throws if the live file cannot be read; some files may then be open already
 */
export async function resume(followed: FollowedLog, start: Position): Promise<void> {
  const { path, files: found } = followed;
  const live = await openIfExists(path);
  const rotated = start.files.length > 0 ? await listRotatedFiles(path) : [];
  for (const state of start.files) {
    if (live && state === start.files.at(-1) && (await isFile(live, state, rotated))) {
      found.push(await followed.open(live, state.offset));
      // With another identity, the files next to it have others too. All of them are older than the live file.
      if (statKey(await live.stat({ bigint: true })) !== fileKey(state)) await finishRotated(followed);
      return;
    }
    found.push(...(await openRotatedFile(followed, state, rotated, live, start.realPath)));
  }
  if (live) found.push(...(await openNewFile(followed, live, found.at(-1)?.state ?? start.files.at(-1))));
}

/** Opens a file of the position that the path does not name any more; empty if it is gone. */
async function openRotatedFile(
  followed: FollowedLog,
  state: FileState,
  rotated: RotatedFile[],
  live: FileHandle | undefined,
  realPath: string,
): Promise<LogFile[]> {
  const opened: LogFile[] = [];
  const copy = (await findSameOrCopy(state, rotated)) ?? (await findElsewhere(followed, state, realPath));
  if (copy) opened.push(await followed.open(copy.handle, state.offset));
  const truncated = copy?.key === fileKey(state) ? undefined : rotated.find(({ key }) => key === fileKey(state));
  const again = truncated && (await openIfExists(truncated.path));
  // The file was copied, truncated and later renamed. It holds the rows written between truncation and renaming.
  if (again) opened.push(await followed.open(again, 0));
  const isInLive = live !== undefined && state.offset > 0 && (await hasFingerprint(live, state));
  if (opened.length === 0 && state.offset > 0 && !isInLive) reportLost(followed, state, rotated);
  return opened;
}

/** Finds a file that was moved out of the log's folder. Files that were moved there after it are read as well. */
async function findElsewhere(followed: FollowedLog, state: FileState, realPath: string) {
  if (state.offset === 0) return undefined;
  const elsewhere = await listFilesElsewhere(followed.path, realPath);
  const same = await findSameOrCopy(state, elsewhere);
  if (same) followed.elsewhere = elsewhere.filter(({ path }) => dirname(path) === dirname(same.path));
  return same;
}

function reportLost({ log }: FollowedLog, { offset }: FileState, rotated: RotatedFile[]): void {
  const compressed = rotated
    .filter((candidate) => candidate.compressed)
    .map(({ path, size }) => ({ path, bytes: size }));
  logEvent(log, 'log.file_lost', { offset, compressed });
}

/**
 * Whether the live file is the one of a state. A device, an inode or a birthtime may change, but not the content. If a rotated
 * file has the key of the state, the live file is a new one that begins with the same bytes.
 */
async function isFile(live: FileHandle, state: FileState, rotated: RotatedFile[]): Promise<boolean> {
  const key = fileKey(state);
  const hasKey = statKey(await live.stat({ bigint: true })) === key;
  if (state.offset === 0 || (!hasKey && rotated.some((other) => other.key === key))) return hasKey;
  return hasFingerprint(live, state);
}

/**
 * The first position of a log that was never followed: after its last whole line. If the log does not exist yet, it
 * will be read from its start. Files that were rotated before count as finished.
 */
export async function endOf(path: string): Promise<Position> {
  const file = await openIfExists(path);
  const rotated = await listRotatedFiles(path);
  const finished = compacted({ ...NOWHERE, finished: rotated.map(({ key }) => key) }, rotated, new Set());
  const start = { ...NOWHERE, ...finished };
  if (!file) return start;
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let end = (await file.stat()).size;
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
    return { ...start, files: [await fileStateAt(file, end)] };
  } finally {
    await file.close();
  }
}
