/**
 * Rotated files: other files in the log's folder that hold earlier rows. Rotation renames the log, or copies and
 * truncates it (copytruncate). A rotated file is recognized by its name, and ordered by its birthtime.
 */

import { type FileHandle, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { FileState } from '@kora-wake/shared/store/position';
import { hasFingerprint, startsWithContentOf } from './fingerprint.ts';
import { type LogFile, openIfExists } from './log-file.ts';
import { fileKey, statKey } from './position.ts';

/** The files of one log while it is followed. The parts of the follower share this record. */
export interface FollowedLog {
  path: string;
  log: Logger;
  /** Open files, oldest first. The last one is the live file as long as `path` names it. */
  files: LogFile[];
  /** As in `Position`. */
  finished: string[];
  /** Each {@link fileKey} of a rotated file whose problem is already in the log: one line for each file is enough. */
  reported: Set<string>;
  /** Starts to read an open file at `offset`, bytes. */
  open(handle: FileHandle, offset: number): Promise<LogFile>;
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

/** Whether rotation gives a log such a name: `log.jsonl.1`, `log.jsonl-20261122`, `log-20261122.jsonl`, or one of these compressed. */
export function isRotatedName(path: string, name: string): boolean {
  const base = basename(path);
  const stem = base.slice(0, base.length - extname(base).length);
  return name !== base && name.startsWith(stem) && /^[._-]/.test(name.slice(stem.length));
}

/** Rotated files of the log, oldest first. If two have the same birthtime, the higher number in the name is the older. */
export async function listRotatedFiles(path: string): Promise<RotatedFile[]> {
  const names = (await readdir(dirname(path))).filter((name) => isRotatedName(path, name));
  const found = await Promise.all(
    names.map(async (name): Promise<RotatedFile | undefined> => {
      const full = join(dirname(path), name);
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
  return found
    .filter((rotated) => rotated !== undefined)
    .toSorted(
      (a, b) =>
        Number(BigInt(a.birthtime) - BigInt(b.birthtime)) || -a.path.localeCompare(b.path, 'en', { numeric: true }),
    );
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

/** Finds the same file under another name or, if there is none, its longest copy. */
export async function findSameOrCopy(
  state: FileState,
  rotated: RotatedFile[],
): Promise<{ path: string; key: string; handle: FileHandle } | undefined> {
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

/** The new live file, to be read from its start, after the files that were rotated since `last`. */
export async function openNewFile(
  followed: FollowedLog,
  live: FileHandle,
  last: FileState | undefined,
): Promise<LogFile[]> {
  const next = await followed.open(live, 0);
  return [...(await rotatedSince(followed, last, next)), next];
}

/** Opens the unread files that were rotated after `last`, or all unread ones if there is no `last`; oldest first. */
export async function rotatedSince(
  followed: FollowedLog,
  last: FileState | undefined,
  live: LogFile,
): Promise<LogFile[]> {
  const { path, log, files, finished, reported } = followed;
  const since = BigInt(last?.birthtime ?? 0);
  const alreadyRead = new Set([...finished, ...files.map(({ state }) => fileKey(state)), fileKey(live.state)]);
  if (last) alreadyRead.add(fileKey(last));
  const unread = (await listRotatedFiles(path)).filter(
    ({ key, birthtime }) => BigInt(birthtime) >= since && !alreadyRead.has(key),
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
    if (handle) opened.push(await followed.open(handle, 0));
  }
  return withoutCopies(followed, opened, [...files, live]);
}

/** Drops a file that has only the first part of another file: it is a backup of the log, not a rotated file. */
async function withoutCopies(followed: FollowedLog, rotated: LogFile[], others: LogFile[]): Promise<LogFile[]> {
  const kept = [...rotated];
  // Of two equal files the younger is the copy. A late writer may still append to the older one.
  const youngestFirst = rotated.toSorted((a, b) => Number(BigInt(b.state.birthtime) - BigInt(a.state.birthtime)));
  for (const file of youngestFirst) {
    const rivals = [...kept.filter((other) => other !== file), ...others];
    const copied = await Promise.all(rivals.map((other) => startsWithContentOf(other.handle, file.handle)));
    if (!copied.includes(true)) continue;
    followed.finished = [...followed.finished, fileKey(file.state)];
    kept.splice(kept.indexOf(file), 1);
    await file.handle.close();
  }
  return kept;
}
