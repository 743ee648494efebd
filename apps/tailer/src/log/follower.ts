/**
 * Follows one append-only log through every kind of rotation, and returns its lines in batches.
 *
 * At any time a log consists of one live file, which the path names, and of rotated files that are not finished yet.
 * All of them stay open. `read` returns the lines after the position and does not move it. `accept` moves it, once the
 * lines of the batch are decided. So a batch that could not be decided is read again.
 *
 *   the path names another file     The old file is read until it was quiet for `rotateWaitMs`, since its writers may
 *                                   still append. Then files rotated in between follow, then the new live file.
 *   the bytes before the offset     The live file was truncated. If copytruncate left a copy, the rest of the copy is
 *   changed                         read first. The live file is read again from its start (truncation.ts).
 *   the tailer restarts             Each file of the position is found again, under its old or another name (resume.ts).
 *
 * docs/log-rotation.md describes every case.
 */

import { stat } from 'node:fs/promises';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { Position } from '@kora-wake/shared/store/position';
import { type LogFile, type LogFileOptions, logFileReader, openIfExists } from './log-file.ts';
import { fileKey, statKey } from './position.ts';
import { resume } from './resume.ts';
import { type FollowedLog, listRotatedFiles, openNewFile } from './rotation.ts';
import type { Collector } from './scan.ts';
import { findRotatedCopies, handleTruncation } from './truncation.ts';

/** The lines after the position, and the position after them. */
interface LogBatch<C> {
  /** Has collected the whole lines that contain the seam. */
  found: C;
  /** Offsets of lines that were skipped since they are too long, bytes. */
  overlong: number[];
  from: Position;
  to: Position;
  /** The follower's files at `to`; for `accept`. */
  next: Pick<FollowedLog, 'files' | 'finished'>;
}

export interface Follower<C> {
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
  const { open } = reader;
  const followed: FollowedLog = { path, log, files: [], finished: start.finished, reported: new Set(), open };
  let accepted = start;
  let resumed = false;

  async function read(): Promise<LogBatch<C> | null> {
    if (!resumed) await resumeOrClose();
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

  async function resumeOrClose(): Promise<void> {
    try {
      await resume(followed, start);
      resumed = true;
    } catch (error) {
      await close();
      followed.files = [];
      throw error;
    }
  }

  /** The batch that moves one file to a later offset. */
  function advanceBatch(
    file: LogFile,
    { found, overlong, next }: { found: C; overlong: number[]; next: LogFile },
  ): LogBatch<C> {
    const files = followed.files.map((other) => (other === file ? next : other));
    return batchTo({ files, finished: followed.finished }, found, overlong);
  }

  /** The batch that finishes a rotated file. Its last line counts even without a newline. */
  async function lastBatchOf(file: LogFile, rest: Buffer): Promise<LogBatch<C>> {
    const found = reader.lastLine(file, rest);
    // A finished file must be recognized while rotation keeps it; after that its key is useless.
    const kept = new Set((await listRotatedFiles(path)).map(({ key }) => key));
    const finished = [...followed.finished.filter((key) => kept.has(key)), fileKey(file.state)];
    const files = followed.files.filter((other) => other !== file);
    return batchTo({ files, finished }, found, file.skip ? [file.state.offset] : []);
  }

  /** A batch without lines if the position changed, since a restart needs it; otherwise null. */
  function positionOnlyBatch(): LogBatch<C> | null {
    const { files, finished } = followed;
    const batch = batchTo({ files, finished }, options.collect(), []);
    return JSON.stringify(batch.to) === JSON.stringify(accepted) ? null : batch;
  }

  function batchTo(next: LogBatch<C>['next'], found: C, overlong: number[]): LogBatch<C> {
    const to = { files: next.files.map(({ state }) => state), finished: next.finished };
    return { found, overlong, from: accepted, to, next };
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

  function isQuiet(file: LogFile): boolean {
    return clock() - file.grown.at >= rotateWaitMs;
  }

  /** Opens the file that the path names now, if it is a new one. Call it at the end of all open files. */
  async function openNextFile(): Promise<boolean> {
    const { files } = followed;
    const named = await stat(path, { bigint: true }).catch(() => undefined);
    if (named && files.some(({ state }) => fileKey(state) === statKey(named))) return false;
    const handle = await openIfExists(path);
    if (!handle) return false;
    const rotated = files.at(-1);
    // Its quiet time starts now, even if nothing was written to it for long.
    if (rotated) rotated.grown.at = clock();
    files.push(...(await openNewFile(followed, handle, rotated?.state)));
    return true;
  }

  async function close(): Promise<void> {
    await Promise.all(
      followed.files.map(({ handle }) => handle.close().catch((error: unknown) => log.debug(errorReason(error)))),
    );
  }

  return { read, accept, hasRotatedFiles: () => followed.files.length > 1, close };
}
