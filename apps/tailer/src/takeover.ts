/**
 * Takes over a checkpoint that was stored for the same log under another id. Version 0.2 named a log by its path with the links
 * of the folder resolved, and an operator may change the path or set `KORA_SOURCE_NAME`.
 */
import { stat } from 'node:fs/promises';
import { inRealFolder } from '@kora-wake/shared/runtime/folders';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { leaseHolder, listSourceIds, readCheckpoint, takeOverCheckpoint } from '@kora-wake/shared/store/checkpoint';
import { sourceId } from '@kora-wake/shared/store/keys';
import { decodePosition, type FileState, type Position } from '@kora-wake/shared/store/position';
import type { Decider } from './decide/enqueue.ts';
import { hasFingerprint } from './log/fingerprint.ts';
import { openIfExists } from './log/log-file.ts';
import { statKey } from './log/position.ts';
import { listRotatedFiles } from './log/rotation.ts';

/** `free`: there is nothing to take over, or it is ours now. `held`: a tailer still follows the log under the other id. */
export type Takeover = { kind: 'free' } | { kind: 'held'; heldBy: string };

/**
 * Takes over the checkpoint of the same log under another id. Call it with the lease of `ours`, before the first position of
 * `ours` is stored.
 *
 * @throws if Redis or the log cannot be read
 */
export async function takeOver(
  { redis, keys, log }: Pick<Decider, 'redis' | 'keys' | 'log'>,
  ours: { sourceId: string; path: string },
  token: string,
): Promise<Takeover> {
  const other = await findOther({ redis, keys }, ours);
  if (!other) return { kind: 'free' };
  if (!(await takeOverCheckpoint(redis, keys, token, ours, other.id))) {
    const heldBy = await leaseHolder(redis, keys.lease(other.id));
    return heldBy === null ? { kind: 'free' } : { kind: 'held', heldBy };
  }
  logEvent(log, 'tailer.took_over', { path: ours.path, from: other.path });
  return { kind: 'free' };
}

async function findOther(
  { redis, keys }: Pick<Decider, 'redis' | 'keys'>,
  ours: { sourceId: string; path: string },
): Promise<{ id: string; path: string } | undefined> {
  const resolved = await inRealFolder(ours.path).then(sourceId, () => undefined);
  for (const id of await listSourceIds(redis, keys)) {
    if (id === ours.sourceId) continue;
    const { path, position } = await readCheckpoint(redis, keys, id);
    const stored = decodePosition(position);
    if (id === resolved || (stored && (await wasRenamed(path, ours.path, stored)))) return { id, path };
  }
  return undefined;
}

/**
 * Whether a log with a position has another path now: the new path names its content, and the old path does not, or names the
 * same file. Two logs may have the same content, such as a copy for tests; each keeps its own checkpoint.
 */
async function wasRenamed(oldPath: string, newPath: string, { files }: Position): Promise<boolean> {
  const newest = files.at(-1);
  if (!newest || newest.offset === 0 || !(await hasContent(newPath, [newest]))) return false;
  const [before, now] = await Promise.all([oldPath, newPath].map(keyOf));
  return before === undefined || before === now || !(await hasContent(oldPath, [newest]));
}

/** The key of the file that a path names, or undefined if there is none. */
async function keyOf(path: string): Promise<string | undefined> {
  return stat(path, { bigint: true }).then(statKey, () => undefined);
}

/**
 * Whether the path names a log here that is not the log of a position. False if that cannot be told: the file here is missing
 * or empty, or nothing of the other log was read.
 */
export async function isOfOtherLog(path: string, { files, recent }: Position): Promise<boolean> {
  const states = [...files, ...recent].filter(({ offset }) => offset > 0);
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  return states.length > 0 && size > 0 && !(await hasContent(path, states));
}

/** Whether the file at a path, or a file rotated from it, has the content of one of the states. */
async function hasContent(path: string, states: FileState[]): Promise<boolean> {
  const paths = [path, ...(await listRotatedFiles(path)).map((rotated) => rotated.path)];
  for (const each of paths) {
    const file = await openIfExists(each);
    try {
      for (const state of states) if (file && (await hasFingerprint(file, state))) return true;
    } finally {
      await file?.close();
    }
  }
  return false;
}
