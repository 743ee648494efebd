/**
 * The finished files of a log. Rotation keeps them in the log's folder for a while, so they must not be read as new ones.
 * The youngest are remembered by key. All older ones are covered by one birthtime, so that the position stays small with
 * thousands of rotated files.
 */
import type { FileState, Position } from '@kora-wake/shared/store/position';
import { fileKey, withoutDevice } from './position.ts';

export type FinishedFiles = Pick<Position, 'finished' | 'finishedUntil' | 'recent'>;

/** A file that rotation keeps. */
interface KeptFile {
  /** Its {@link fileKey}. */
  key: string;
  /** As in {@link FileState}. */
  birthtime: string;
}

/** Finished files that are remembered by key. The clock of the file system may step back, so the youngest need their keys. */
const MAX_KEYS = 64;
/** Finished files whose state is remembered: a link may point to an earlier target again. */
const MAX_RECENT = 8;

/** Returns a function that tells whether a file is finished. */
export function finishedTest({ finished, finishedUntil }: FinishedFiles): (file: KeptFile) => boolean {
  const keys = new Set(finished.map(withoutDevice));
  const until = BigInt(finishedUntil);
  return ({ key, birthtime }) => keys.has(key) || (birthtime !== '0' && BigInt(birthtime) <= until);
}

/** Adds a file that was read to its end. */
export function withFinished(before: FinishedFiles, state: FileState): FinishedFiles {
  const recent = state.offset > 0 ? [...before.recent, state].slice(-MAX_RECENT) : before.recent;
  return { ...before, finished: [...before.finished, fileKey(state)], recent };
}

/**
 * Forgets files that rotation has removed, and covers the oldest ones by their birthtime.
 *
 * @param kept files in the log's folder, oldest first
 * @param open keys of the files that are still read
 */
export function compacted(before: FinishedFiles, kept: KeptFile[], open: Set<string>): FinishedFiles {
  const isFinished = finishedTest(before);
  const keys = new Set(before.finished.map(withoutDevice));
  const byKey = kept.filter(({ key }) => keys.has(key));
  let until = BigInt(before.finishedUntil);
  const firstUnread = kept.find((file) => !isFinished(file) && !open.has(file.key));
  const oldest = byKey.slice(0, Math.max(0, byKey.length - MAX_KEYS));
  for (const { birthtime } of oldest) {
    // A file of the same age that is not read yet must stay unread.
    if (firstUnread && BigInt(birthtime) >= BigInt(firstUnread.birthtime)) break;
    until = BigInt(birthtime);
  }
  const finished = byKey.filter(({ birthtime }) => birthtime === '0' || BigInt(birthtime) > until);
  return { ...before, finished: finished.map(({ key }) => key), finishedUntil: String(until) };
}
