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
import { CARRIAGE_RETURN, NEWLINE } from './scan.ts';

/**
 * Opens the files of a position, and the files that came after them. They are added to `followed.files`. A file that is
 * gone is logged.
 *
 * @throws if the live file cannot be read; some files may then be open already
 */
export async function resume(followed: FollowedLog, start: Position): Promise<void> {
  const { path, files: found } = followed;
  const live = await openIfExists(path);
  try {
    const rotated = start.files.length > 0 ? await listRotatedFiles(path) : [];
    const current = live && (await findLive(live, start.files, rotated));
    const liveKey = live && statKey(await live.stat({ bigint: true }));
    for (const state of start.files) {
      if (state === current) continue;
      const others = new Set([
        ...found.map((file) => fileKey(file.state)),
        ...(liveKey === undefined ? [] : [liveKey]),
      ]);
      found.push(...(await openRotatedFile(followed, state, rotated, others, live)));
    }
    if (live && current) {
      found.push(await followed.open(live, current.offset, path));
      // With another identity, the files next to it have others too. All of them are older than the live file.
      if (liveKey !== fileKey(current)) await finishRotated(followed);
    } else if (live) {
      found.push(...(await openNewFile(followed, live, found.at(-1)?.state ?? start.files.at(-1))));
    }
  } catch (error) {
    if (live && !found.some(({ handle }) => handle === live)) await live.close();
    throw error;
  } finally {
    followed.elsewhere = [];
  }
}

/** The state of the live file. A link may point to an earlier target again, so it need not be the last one. */
async function findLive(live: FileHandle, states: FileState[], rotated: RotatedFile[]): Promise<FileState | undefined> {
  for (const state of states.toReversed()) if (await isFile(live, state, rotated)) return state;
  return undefined;
}

/**
 * Opens a file of the position that the path does not name any more; empty if it is gone.
 *
 * @param others keys of the live file and of the files that are open already
 */
async function openRotatedFile(
  followed: FollowedLog,
  state: FileState,
  rotated: RotatedFile[],
  others: Set<string>,
  live: FileHandle | undefined,
): Promise<LogFile[]> {
  const opened: LogFile[] = [];
  const unopened = rotated.filter(({ key }) => !others.has(key));
  const copy = (await findSameOrCopy(state, unopened)) ?? (await findElsewhere(followed, state, others));
  if (copy) opened.push(await followed.open(copy.handle, state.offset, copy.path));
  const truncated = copy?.key === fileKey(state) ? undefined : unopened.find(({ key }) => key === fileKey(state));
  const again = truncated && (await openIfExists(truncated.path));
  // The file was copied, truncated and later renamed. It holds the rows written between truncation and renaming.
  if (again) opened.push(await followed.open(again, 0, truncated.path));
  const isInLive = live !== undefined && state.offset > 0 && (await hasFingerprint(live, state));
  if (opened.length === 0 && state.offset > 0 && !isInLive) reportLost(followed, state, rotated);
  return opened;
}

/** Finds a file that was moved out of the log's folder. Files that were moved there after it are read as well. */
async function findElsewhere(followed: FollowedLog, state: FileState, others: Set<string>) {
  const elsewhere = (await listFilesElsewhere(followed.path, state.at)).filter(({ key }) => !others.has(key));
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
    const end = await endOfLastLine(file);
    return { ...start, files: [await fileStateAt(file, end, '')] };
  } finally {
    await file.close();
  }
}

/** Offset after the last whole line, bytes. If no line ends with a newline, a carriage return ends it. */
async function endOfLastLine(file: FileHandle): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let carriageReturn = 0;
  for (let end = (await file.stat()).size; end > 0; end = Math.max(0, end - buffer.length)) {
    const begin = Math.max(0, end - buffer.length);
    const { bytesRead } = await file.read(buffer, 0, end - begin, begin);
    const bytes = buffer.subarray(0, bytesRead);
    const newline = bytes.lastIndexOf(NEWLINE);
    if (newline >= 0) return begin + newline + 1;
    if (carriageReturn === 0) carriageReturn = begin + bytes.lastIndexOf(CARRIAGE_RETURN) + 1;
  }
  return carriageReturn;
}
