/**
 * The checkpoint of a log that has none under its own id, but has one under another: version 0.2 named a log by its path with
 * the links of the folder resolved, and an operator may change the path or set `KORA_SOURCE_NAME`.
 */
import { inRealFolder } from '@kora-wake/shared/runtime/folders';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { leaseHolder, listSourceIds, readCheckpoint, takeOverCheckpoint } from '@kora-wake/shared/store/checkpoint';
import { sourceId } from '@kora-wake/shared/store/keys';
import { decodePosition, type Position } from '@kora-wake/shared/store/position';
import type { Decider } from './decide/enqueue.ts';
import { hasFingerprint } from './log/fingerprint.ts';
import { openIfExists } from './log/log-file.ts';

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
    if (id === resolved || (stored && (await isOfFile(ours.path, stored)))) return { id, path };
  }
  return undefined;
}

/** Whether a position is one in the file that the path names now. */
async function isOfFile(path: string, { files }: Position): Promise<boolean> {
  const newest = files.at(-1);
  if (!newest || newest.offset === 0) return false;
  const file = await openIfExists(path);
  try {
    return file !== undefined && (await hasFingerprint(file, newest));
  } finally {
    await file?.close();
  }
}
