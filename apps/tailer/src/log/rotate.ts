/**
 * Rotates the log if `KORA_AUDIT_LOG_MAX_MIB` is set: renames it to `log.1`, after `log.1` became `log.2` and so on, creates it
 * again with the same access, and removes the oldest files. A tailer may be killed after each step. The next call then creates a
 * missing log, and moves files only up to the first free number.
 *
 * A writer may have the old file open: the follower reads it until it was quiet for a while. So a file is removed only once its
 * end is committed.
 */
import { readdir, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { accessOfNewLog, createLog } from '@kora-wake/shared/runtime/create-log';
import { errorCode, errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Position } from '@kora-wake/shared/store/position';
import { finishedTest } from './finished.ts';
import { fileKey, statKey } from './position.ts';

/** Old files that are kept. */
const KEPT_FILES = 5;

export interface Rotation {
  /** As configured; if it is a link, its target is rotated. */
  path: string;
  /** The log is rotated once it has this size, bytes. */
  maxBytes: number;
  log: Logger;
}

/**
 * Returns a function that rotates the log if that is due. Call it when everything in the log is read and committed. It never
 * rejects: a log that cannot be rotated is followed all the same.
 *
 * @param mayRotate whether the log is still ours; called right before a file is changed
 */
export function rotatorOf({ path, maxBytes, log }: Rotation) {
  /** True if there may be old files to remove. */
  let isUntidy = true;
  let isFailing = false;

  async function rotateIfDue(position: Position, mayRotate: () => Promise<boolean>): Promise<void> {
    const real = await realpath(path).catch(() => path);
    const live = await statIfExists(real);
    if (!live) {
      // A tailer was killed between the two steps, or the operator rotated the log without creating it again.
      const last = await statIfExists(numbered(real, 1));
      if (last && (await mayRotate())) await createLog(real, accessOf(last));
      return;
    }
    const size = Number(live.size);
    const reached = position.files.at(-1);
    const isRead = reached !== undefined && fileKey(reached) === statKey(live) && reached.offset === size;
    if (size >= maxBytes && isRead && (await mayRotate())) {
      if (!accessOfNewLog(accessOf(live), process.geteuid?.() ?? 0)) {
        throw new Error('this user cannot create a file that the owner of the log can write to');
      }
      await makeRoom(real);
      await rename(real, numbered(real, 1));
      await createLog(real, accessOf(live));
      logEvent(log, 'log.rotated', { path: real, bytes: size });
      isUntidy = true;
    }
    if (isUntidy && (await mayRotate())) isUntidy = !(await removeOldest(real, position, log));
  }

  return async (position: Position, mayRotate: () => Promise<boolean>): Promise<void> => {
    try {
      await rotateIfDue(position, mayRotate);
      isFailing = false;
    } catch (error) {
      if (!isFailing) logEvent(log, 'log.rotation_failed', { path, error: errorReason(error) });
      isFailing = true;
    }
  };
}

type Stats = NonNullable<Awaited<ReturnType<typeof statIfExists>>>;

async function statIfExists(path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

function accessOf({ uid, gid, mode }: Stats) {
  return { uid: Number(uid), gid: Number(gid), mode: Number(mode) };
}

const numbered = (path: string, number: number) => `${path}.${number}`;

/** The numbers of the old files, the newest first. */
async function numbersOf(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  return (await readdir(dirname(path)))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,5}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

/** Moves the old files up to the first free number by one, so that number 1 is free. No file is replaced. */
async function makeRoom(path: string): Promise<void> {
  const used = new Set(await numbersOf(path));
  let free = 1;
  while (used.has(free)) free++;
  for (let number = free - 1; number >= 1; number--) await rename(numbered(path, number), numbered(path, number + 1));
}

/** Removes the old files beyond the newest ones whose end is committed. @returns false if one must wait for that */
async function removeOldest(path: string, position: Position, log: Logger): Promise<boolean> {
  const isFinished = finishedTest(position);
  let isTidy = true;
  for (const number of (await numbersOf(path)).slice(KEPT_FILES).toReversed()) {
    const name = numbered(path, number);
    const stats = await statIfExists(name);
    if (!stats) continue;
    if (isFinished({ key: statKey(stats), birthtime: String(stats.birthtimeNs) })) {
      await unlink(name);
      logEvent(log, 'log.rotated_file_removed', { path: name });
    } else isTidy = false;
  }
  return isTidy;
}
