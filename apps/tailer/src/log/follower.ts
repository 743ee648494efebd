/**
 * Follows one append-only log through every kind of rotation, and returns its lines in batches.
 *
 * At any time a log consists of one live file, which the path names, and of rotated files that are not finished yet.
 * All of them stay open. `read` returns the lines after the position and does not move it. `accept` moves it, once the
 * lines of the batch are decided. So a batch that could not be decided is read again.
 *
 *   the path names another file     The old file is read until it was quiet for `rotateWaitMs`, since its writers may
 *                                   still append. Then files rotated in between follow, then the new live file. If that
 *                                   file begins with lines that were read before, it is a copy, and continues after them.
 *   the bytes before the offset     The live file was truncated. If copytruncate left a copy, the rest of the copy is
 *   changed                         read first. The live file is read again from its start (truncation.ts).
 *   the tailer restarts             Each file of the position is found again, under its old or another name (resume.ts).
 *
 * docs/log-rotation.md describes every case.
 */

import type { Stats } from 'node:fs';
import { type FileHandle, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { encodePosition, type Position } from '@kora-wake/shared/store/position';
import { compacted, withFinished } from './finished.ts';
import {
  type Backlog,
  type LogFile,
  type LogFileOptions,
  logFileReader,
  openIfExists,
  type SkippedLine,
  skippedLines,
} from './log-file.ts';
import { fileKey, statKey } from './position.ts';
import { resume } from './resume.ts';
import { type FollowedLog, listRotatedFiles, openKeys, openNewFile } from './rotation.ts';
import { hasBytesAt } from './same-content.ts';
import type { Collector } from './scan.ts';
import { findRotatedCopies, handleTruncation } from './truncation.ts';

/** The lines after the position, and the position after them. */
interface LogBatch<C> {
  /** Has collected the whole lines that contain the seam. */
  found: C;
  skipped: SkippedLine[];
  from: Position;
  to: Position;
  /** The follower's files at `to`; for `accept`. */
  next: Pick<FollowedLog, 'files' | 'finished'>;
}

export interface Follower<C> {
  /** Finds the files of the position again, as the first `read` does otherwise. Rejects if a file cannot be read. */
  open(): Promise<void>;
  /** Returns the next batch, or null if there is nothing new. Rejects if a file cannot be read. */
  read(): Promise<LogBatch<C> | null>;
  /** Moves the position to the end of the batch that the last `read` returned. */
  accept(batch: LogBatch<C>): void;
  /** Whether a rotated file is still open. File events may not report its late writers, so poll it more often. */
  hasRotatedFiles(): boolean;
  close(): Promise<void>;
}

export interface FollowOptions<C> extends LogFileOptions<C> {
  path: string;
  start: Position;
  /** A rotated file is finished after it was quiet for this time, ms. */
  rotateWaitMs: number;
  log: Logger;
}

export function followLog<C extends Collector>(options: FollowOptions<C>): Follower<C> {
  const { path, start, rotateWaitMs, clock, log } = options;
  const reader = logFileReader(options);
  let accepted = start;
  const followed: FollowedLog = {
    path,
    log,
    files: [],
    finished: start,
    elsewhere: [],
    reported: new Set(),
    open: async (handle, offset, openedAs) =>
      reader.open(handle, offset, await placeOf(openedAs), await backlogOf(handle, offset)),
  };
  /** When the path was last seen to name an open file, ms since the epoch; undefined while the files are found again. */
  let checkedAt: number | undefined;

  async function read(): Promise<LogBatch<C> | null> {
    if (checkedAt === undefined) await open();
    for (;;) {
      for (const file of followed.files.slice()) {
        const result = await reader.read(file);
        if (await findRotatedCopies(followed, file)) return read();
        if (result.kind === 'lines') return advanceBatch(file, result);
        if (result.kind === 'truncated') {
          await handleTruncation(followed, file);
          return read();
        }
        if (file !== followed.files.at(-1) && isQuiet(file)) return lastBatchOf(file, result.rest);
      }
      if (!(await openNextFile())) return positionOnlyBatch();
    }
  }

  async function open(): Promise<void> {
    try {
      await resume(followed, start);
      checkedAt = Date.now();
    } catch (error) {
      await close();
      followed.files = [];
      throw error;
    }
  }

  /** The batch that moves one file to a later offset. */
  function advanceBatch(
    file: LogFile,
    { found, skipped, next }: { found: C; skipped: SkippedLine[]; next: LogFile },
  ): LogBatch<C> {
    const files = followed.files.map((other) => (other === file ? next : other));
    return batchTo({ files, finished: followed.finished }, found, skipped);
  }

  /** The batch that finishes a rotated file. Its last line counts even without a newline. */
  async function lastBatchOf(file: LogFile, rest: Buffer): Promise<LogBatch<C>> {
    const files = followed.files.filter((other) => other !== file);
    const following = followed.files[followed.files.indexOf(file) + 1];
    // If the next file is a copy, it has this half-written line as well, and will have the rest of it.
    const isCopied = following !== undefined && (await hasBytesAt(following.handle, file.state.offset, rest));
    const found = reader.lastLine(file, isCopied ? Buffer.alloc(0) : rest);
    const kept = await listRotatedFiles(path);
    const finished = compacted(withFinished(followed.finished, file.state), kept, openKeys({ ...followed, files }));
    return batchTo({ files, finished }, found, skippedLines(file));
  }

  /** A batch without lines if the position changed, since a restart needs it; otherwise null. */
  function positionOnlyBatch(): LogBatch<C> | null {
    const { files, finished } = followed;
    const batch = batchTo({ files, finished }, options.collect(NO_BACKLOG), []);
    return encodePosition(batch.to) === encodePosition(accepted) ? null : batch;
  }

  function batchTo(next: LogBatch<C>['next'], found: C, skipped: SkippedLine[]): LogBatch<C> {
    const { finished, finishedUntil, recent } = next.finished;
    const to = { files: next.files.map(({ state }) => state), finished, finishedUntil, recent };
    return { found, skipped, from: accepted, to, next };
  }

  function accept({ to, next }: LogBatch<C>): void {
    accepted = to;
    const stillOpen = new Set(next.files.map(({ handle }) => handle));
    for (const { handle, state } of followed.files.filter((file) => !stillOpen.has(file.handle))) {
      handle.close().catch(() => undefined);
      logEvent(log, 'log.rotated_file_finished', { inode: state.inode, offset: state.offset });
    }
    followed.files = next.files;
    followed.finished = next.finished;
  }

  /** As in `FileState.at`. */
  async function placeOf(openedAs: string): Promise<string> {
    const real = await realpath(openedAs).catch(() => openedAs);
    return dirname(real) === dirname(path) ? '' : real;
  }

  async function backlogOf(handle: FileHandle, offset: number): Promise<Backlog> {
    const stats = await handle.stat();
    // The start of the follower: the rest of a known file was appended since, but a new file may have any rows.
    if (checkedAt === undefined) return { end: stats.size, mayBeOlder: offset === 0 };
    const mayBeOlder = bornBefore(stats, checkedAt) || !(await wasRotatedHere());
    return mayBeOlder ? { end: stats.size, mayBeOlder } : NO_BACKLOG;
  }

  /** Whether the last live file was rotated. Otherwise a new file may be an old one: restored, or the target of a link. */
  async function wasRotatedHere(): Promise<boolean> {
    const last = followed.files.at(-1);
    if (!last) return true;
    return (await listRotatedFiles(path)).some(({ key }) => key === fileKey(last.state));
  }

  function isQuiet(file: LogFile): boolean {
    return clock() - file.grown.at >= rotateWaitMs;
  }

  /** Opens the file that the path names now, if it is a new one. Call it at the end of all open files. */
  async function openNextFile(): Promise<boolean> {
    const { files } = followed;
    const named = await stat(path, { bigint: true }).catch(() => undefined);
    if (named && files.some(({ state }) => fileKey(state) === statKey(named))) {
      checkedAt = Date.now();
      return false;
    }
    const handle = await openIfExists(path);
    if (!handle) return false;
    const rotated = files.at(-1);
    // Its quiet time starts now, even if nothing was written to it for long.
    if (rotated) rotated.grown.at = clock();
    try {
      files.push(...(await openNewFile(followed, handle, rotated?.state)));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return true;
  }

  async function close(): Promise<void> {
    await Promise.all(
      followed.files.map(({ handle }) => handle.close().catch((error: unknown) => log.debug(errorReason(error)))),
    );
  }

  return { open, read, accept, hasRotatedFiles: () => followed.files.length > 1, close };
}

const NO_BACKLOG: Backlog = { end: 0, mayBeOlder: false };

/** The clocks of the file system and of this process may differ by less, ms. */
const FILE_CLOCK_SKEW_MS = 1_000;

/** @param at ms since the epoch */
function bornBefore({ birthtimeMs }: Stats, at: number): boolean {
  return birthtimeMs > 0 && birthtimeMs < at - FILE_CLOCK_SKEW_MS;
}
