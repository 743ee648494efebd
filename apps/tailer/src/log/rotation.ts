/**
 * Rotated files: other files in the log's folder that hold earlier rows. Rotation renames the log, or copies and
 * truncates it (copytruncate). A rotated file is recognized by its name, and ordered by its birthtime.
 */

import { type FileHandle, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { errorCode, errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { isRotatedName } from '@kora-wake/shared/runtime/rotated-name';
import type { FileState } from '@kora-wake/shared/store/position';
import { FINGERPRINT_BYTES, hasFingerprint, readHead } from './fingerprint.ts';
import { compacted, type FinishedFiles, finishedTest, withFinished } from './finished.ts';
import { type LogFile, openIfExists } from './log-file.ts';
import { fileKey, statKey } from './position.ts';
import { sameLines, startsWithContentOf } from './same-content.ts';

/** The files of one log while it is followed. The parts of the follower share this record. */
export interface FollowedLog {
  path: string;
  log: Logger;
  /** Open files, oldest first. The last one is the live file as long as `path` names it. */
  files: LogFile[];
  /** As in `Position`. */
  finished: FinishedFiles;
  /** Rotated files in other folders, where a file of the position was found; empty once the start is over. */
  elsewhere: RotatedFile[];
  /** Each {@link fileKey} of a rotated file whose problem is already in the log: one line for each file is enough. */
  reported: Set<string>;
  /** Starts to read an open file at `offset`, bytes. @param path under which it was opened */
  open(handle: FileHandle, offset: number, path: string): Promise<LogFile>;
}

/** A file in the log's folder that rotation may have made. */
export interface RotatedFile {
  path: string;
  /** Its {@link fileKey}. */
  key: string;
  /** As in {@link FileState}. */
  birthtime: string;
  /** Bytes. */
  size: number;
  /** A compressed file is not read, only reported. */
  compressed: boolean;
}

const COMPRESSED = new Set(['.gz', '.bz2', '.xz', '.zst', '.lz4', '.zip', '.Z']);

/** Rotated files next to the log, and next to its target if it is a link; oldest first. None if there is no such folder. */
export async function listRotatedFiles(path: string): Promise<RotatedFile[]> {
  const [real, folder] = await Promise.all([path, dirname(path)].map((each) => realpath(each).catch(() => undefined)));
  const besideLink = await listFiles(dirname(path), (name) => isRotatedName(path, name));
  if (real === undefined || dirname(real) === folder) return besideLink;
  const besideTarget = await listFiles(dirname(real), (name) => isRotatedName(real, name));
  return [...besideLink, ...besideTarget].toSorted(byAge);
}

/** Folders that are searched for a file that rotation moved out of the log's folder. */
const MAX_FOLDERS = 64;

/**
 * Files of the log in other folders, oldest first: in a folder to which a link led before, and in the folders of the log's
 * folder (`olddir` of logrotate). Folders that cannot be read are left out.
 *
 * @param at as in {@link FileState}
 */
export async function listFilesElsewhere(path: string, at: string): Promise<RotatedFile[]> {
  const folder = dirname(path);
  const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = inside.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const targets = [
    ...(at === '' ? [] : [at]),
    ...folders.slice(0, MAX_FOLDERS).map((each) => join(each, basename(path))),
  ];
  const found = await Promise.all(
    targets.map((target) =>
      listFiles(dirname(target), (name) => name === basename(target) || isRotatedName(target, name)).catch(() => []),
    ),
  );
  return found.flat().toSorted(byAge);
}

/** If two have the same birthtime, the higher number in the name is the older. */
const byAge = (a: RotatedFile, b: RotatedFile) =>
  Number(BigInt(a.birthtime) - BigInt(b.birthtime)) || -a.path.localeCompare(b.path, 'en', { numeric: true });

async function listFiles(folder: string, isWanted: (name: string) => boolean): Promise<RotatedFile[]> {
  const names = (await namesIn(folder)).filter(isWanted);
  const found = await Promise.all(
    names.map(async (name): Promise<RotatedFile | undefined> => {
      const full = join(folder, name);
      const stats = await stat(full, { bigint: true }).catch(() => undefined);
      if (!stats?.isFile()) return undefined;
      return {
        path: full,
        key: statKey(stats),
        birthtime: String(stats.birthtimeNs),
        size: Number(stats.size),
        compressed: COMPRESSED.has(extname(name)),
      };
    }),
  );
  return found.filter((rotated) => rotated !== undefined).toSorted(byAge);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Opens a rotated file. If it cannot be read, that is logged once, and the follower continues without it. */
export async function openRotated(
  { log, reported }: FollowedLog,
  { path, key }: RotatedFile,
): Promise<FileHandle | undefined> {
  try {
    return await openIfExists(path);
  } catch (error) {
    if (!reported.has(key)) logEvent(log, 'log.rotated_file_unreadable', { path, reason: errorReason(error) });
    reported.add(key);
    return undefined;
  }
}

/** A rotated file that is open. */
type OpenRotated = RotatedFile & { handle: FileHandle };

/** Finds the same file under another name or, if there is none, its longest copy. */
export async function findSameOrCopy(state: FileState, rotated: RotatedFile[]): Promise<OpenRotated | undefined> {
  const likely = rotated
    .filter(({ compressed, size }) => !compressed && size >= state.offset)
    .toSorted((a, b) => Number(b.key === fileKey(state)) - Number(a.key === fileKey(state)) || b.size - a.size);
  for (const candidate of likely) {
    const handle = await openIfExists(candidate.path).catch(() => undefined);
    if (handle && (state.offset > 0 ? await hasFingerprint(handle, state) : candidate.key === fileKey(state)))
      return { ...candidate, handle };
    await handle?.close();
  }
  return undefined;
}

/**
 * Opens a file that the path names now, after the files that were rotated since `last`. Rows at its start that were read
 * before are not read again: they have the same bytes and offsets, so they are the same wakes.
 */
export async function openNewFile(
  followed: FollowedLog,
  live: FileHandle,
  last: FileState | undefined,
): Promise<LogFile[]> {
  const { offset, isContinued } = await startOf(followed, live);
  const next = await followed.open(live, offset, followed.path);
  if (!isContinued) return [...(await rotatedSince(followed, last, next)), next];
  await finishRotated(followed);
  return [next];
}

/**
 * The offset at which a new live file begins. `isContinued`: the file goes on where an earlier one ended, so it is that file
 * under another identity, such as a copy on another device or an earlier target of a link. Files that begin with the same few
 * bytes are not enough for that, because rotated files between them would count as finished.
 */
async function startOf(
  { files, finished }: FollowedLog,
  live: FileHandle,
): Promise<{ offset: number; isContinued: boolean }> {
  let best = { offset: 0, isContinued: false };
  const consider = (offset: number, isWhole: boolean) => {
    if (offset > best.offset) best = { offset, isContinued: isWhole && offset >= FINGERPRINT_BYTES };
  };
  for (const { handle, state } of files) {
    const same = await sameLines(live, handle, state.offset);
    consider(same, same === state.offset);
  }
  for (const state of finished.recent) {
    if (state.offset > best.offset && (await hasFingerprint(live, state))) consider(state.offset, true);
  }
  return best;
}

/** Keys of the files that are still read. */
export function openKeys({ files }: Pick<FollowedLog, 'files'>): Set<string> {
  return new Set(files.map(({ state }) => fileKey(state)));
}

/** Marks every rotated file in the log's folder as finished, except for the open ones. */
export async function finishRotated(followed: FollowedLog): Promise<void> {
  const open = openKeys(followed);
  const kept = await listRotatedFiles(followed.path);
  const finished = kept.filter(({ key }) => !open.has(key)).map(({ key }) => key);
  followed.finished = compacted({ ...followed.finished, finished }, kept, open);
}

/** Opens the unread files that were rotated after `last`, or all unread ones if there is no `last`; oldest first. */
export async function rotatedSince(
  followed: FollowedLog,
  last: FileState | undefined,
  live: LogFile,
): Promise<LogFile[]> {
  const { path, log, files, finished, elsewhere, reported } = followed;
  const since = BigInt(last?.birthtime ?? 0);
  const isFinished = finishedTest(finished);
  const open = openKeys({ files: [...files, live] });
  if (last) open.add(fileKey(last));
  const unread = [...elsewhere, ...(await listRotatedFiles(path))].filter(
    (rotated) => BigInt(rotated.birthtime) >= since && !open.has(rotated.key) && !isFinished(rotated),
  );
  const opened: LogFile[] = [];
  for (const rotated of unread) {
    if (rotated.compressed) {
      const { path: name, size, key } = rotated;
      if (!reported.has(key)) logEvent(log, 'log.rotated_file_compressed', { path: name, bytes: size });
      reported.add(key);
      continue;
    }
    const handle = await openRotated(followed, rotated);
    if (handle) opened.push(await followed.open(handle, 0, rotated.path));
  }
  return withoutCopies(followed, opened, [...files, live]);
}

/** Drops a file that has only the first part of another file: it is a backup of the log, not a rotated file. */
async function withoutCopies(followed: FollowedLog, rotated: LogFile[], others: LogFile[]): Promise<LogFile[]> {
  const kept = new Set(rotated);
  const heads = new Map<LogFile, Buffer>();
  for (const file of [...rotated, ...others]) heads.set(file, await readHead(file.handle, FINGERPRINT_BYTES));
  const headOf = (file: LogFile) => heads.get(file) ?? Buffer.alloc(0);
  // Of two equal files the younger is the copy. A late writer may still append to the older one.
  const youngestFirst = rotated.toSorted((a, b) => Number(BigInt(b.state.birthtime) - BigInt(a.state.birthtime)));
  for (const file of youngestFirst) {
    const head = headOf(file);
    const rivals = [...kept, ...others].filter(
      (other) => other !== file && headOf(other).subarray(0, head.length).equals(head),
    );
    const copied = await Promise.all(rivals.map((other) => startsWithContentOf(other.handle, file.handle)));
    if (!copied.includes(true)) continue;
    followed.finished = withFinished(followed.finished, file.state);
    kept.delete(file);
    await file.handle.close();
  }
  return [...kept];
}
