/** The logs that tailers follow: their checkpoint in Redis next to their state on this machine's disk. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { PolicyState } from '../policy/state.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { leaseHolder, listSourceIds, readCheckpoint, readConflict } from './checkpoint.ts';
import type { Keys } from './keys.ts';
import { decodePosition } from './position.ts';

export interface Source {
  id: string;
  path: string;
  /** `KORA_SOURCE_NAME`, or empty. */
  name: string;
  /** End of the decided part of the newest file, bytes. */
  offset: number;
  /** Bytes, or null if this machine does not have the file. */
  size: number | null;
  /** Whole lines that are written but not decided, bytes; null if the size is. Rotated files are not included. */
  lagBytes: number | null;
  /** When a row was last decided, ms since the epoch. */
  lastRowAt: number | null;
  /** ms since the epoch. */
  committedAt: number;
  /** The tailer that holds the lease, as `host:pid`, or null if the lease is free. */
  holder: string | null;
  /** Since when the tailer has waited for the log to appear, ms since the epoch; null if the log exists. */
  missingSince: number | null;
  /** A tailer that follows a different log under the same path, as `host:pid`; null if there is no such tailer. */
  conflictWith: string | null;
  /** The policy that the tailer runs; null: not known. */
  policy: PolicyState | null;
  /** Version of that tailer; null: not known. */
  version: string | null;
}

export async function readSources(redis: RedisClient, keys: Keys): Promise<Source[]> {
  const ids = await listSourceIds(redis, keys);
  const sources = await Promise.all(ids.map((id) => readSource(redis, keys, id)));
  return sources
    .filter((source) => source !== undefined)
    .toSorted((a, b) => a.path.localeCompare(b.path) || a.name.localeCompare(b.name));
}

async function readSource(redis: RedisClient, keys: Keys, id: string): Promise<Source | undefined> {
  const [stored, holder, conflictWith] = await Promise.all([
    readCheckpoint(redis, keys, id),
    leaseHolder(redis, keys.lease(id)),
    readConflict(redis, keys, id),
  ]);
  const { path, name, position, lastRowAt, committedAt, missingSince, policy, version } = stored;
  if (path === '') return undefined;
  const newest = decodePosition(position)?.files.at(-1);
  const file = await readFileState(path);
  // If the path names another file now, nothing of that file is decided yet.
  const offset = newest && (!file || file.inode === newest.inode) ? newest.offset : 0;
  return {
    id,
    path,
    name,
    offset,
    size: file?.size ?? null,
    lagBytes: file ? Math.max(0, file.size - file.partialLine - offset) : null,
    lastRowAt,
    committedAt: committedAt ?? 0,
    holder,
    missingSince: holder === null ? null : missingSince,
    conflictWith,
    policy: holder === null ? null : policy,
    version: holder === null ? null : version,
  };
}

/** Bytes read at the end of a log: a last line without a newline is usually shorter. */
const END_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** A log on disk; `partialLine`: bytes of a last line without its newline. Undefined if it cannot be read. */
async function readFileState(path: string): Promise<{ inode: string; size: number; partialLine: number } | undefined> {
  // O_NONBLOCK, since opening a pipe would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  try {
    if (!file) return undefined;
    const stats = await file.stat({ bigint: true });
    const size = Number(stats.size);
    const end = Buffer.alloc(Math.min(size, END_BYTES));
    const { bytesRead } = await file.read(end, 0, end.length, size - end.length);
    const newline = end.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    const partialLine = newline < 0 && size > END_BYTES ? 0 : bytesRead - newline - 1;
    return { inode: String(stats.ino), size, partialLine };
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
