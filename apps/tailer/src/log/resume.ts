/** The start of a follower: finds the files of the stored position again, or makes the first position of a log. */

import type { FileHandle } from 'node:fs/promises';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { FileState, Position } from '@kora-wake/shared/store/position';
import { hasFingerprint } from './fingerprint.ts';
import { CHUNK_BYTES, openIfExists } from './log-file.ts';
import { fileKey, fileStateAt, statKey } from './position.ts';
import { type FollowedLog, findSameOrCopy, listRotatedFiles, openNewFile, type RotatedFile } from './rotation.ts';
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
    if (live && state === start.files.at(-1) && (await isFile(live, state))) {
      found.push(await followed.open(live, state.offset));
      return;
    }
    const copy = await findSameOrCopy(state, rotated);
    if (copy) found.push(await followed.open(copy.handle, state.offset));
    const truncated = copy?.key === fileKey(state) ? undefined : rotated.find(({ key }) => key === fileKey(state));
    const again = truncated && (await openIfExists(truncated.path));
    // The file was copied, truncated and later renamed. It holds the rows written between truncation and renaming.
    if (again) found.push(await followed.open(again, 0));
    else if (!copy && state.offset > 0) reportLost(followed, state, rotated);
  }
  if (live) found.push(...(await openNewFile(followed, live, found.at(-1)?.state ?? start.files.at(-1))));
}

function reportLost({ log }: FollowedLog, { offset }: FileState, rotated: RotatedFile[]): void {
  const compressed = rotated
    .filter((candidate) => candidate.compressed)
    .map(({ path, size }) => ({ path, bytes: size }));
  logEvent(log, 'log.file_lost', { offset, compressed });
}

async function isFile(handle: FileHandle, state: FileState): Promise<boolean> {
  return statKey(await handle.stat({ bigint: true })) === fileKey(state) && (await hasFingerprint(handle, state));
}

/**
 * The first position of a log that was never followed: after its last whole line. If the log does not exist yet, it
 * will be read from its start. Files that were rotated before count as finished.
 */
export async function endOf(path: string): Promise<Position> {
  const file = await openIfExists(path);
  const finished = (await listRotatedFiles(path)).map(({ key }) => key);
  if (!file) return { files: [], finished };
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
    return { files: [await fileStateAt(file, end)], finished };
  } finally {
    await file.close();
  }
}
