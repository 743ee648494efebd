/** The logs that are followed, as far as Redis and this machine know. */
import { stat } from 'node:fs/promises';
import type { Keys } from './keys.ts';
import type { RedisClient } from './redis.ts';

export interface Source {
  path: string;
  /** Up to where the newest file is decided, bytes. */
  offset: number;
  /** Bytes, or null where this machine has no such file. */
  size: number | null;
  /** What is written and not decided, bytes; null where the size is. Files that rotation left are not in it. */
  lagBytes: number | null;
  /** When a row was last decided, ms since the epoch. */
  lastRowAt: number | null;
  committedAt: number;
  /** The tailer that holds the lease, as `host:pid`, or null where nobody does. */
  holder: string | null;
}

export async function readSources(redis: RedisClient, keys: Keys): Promise<Source[]> {
  const ids = await redis.smembers(keys.sources);
  const sources = await Promise.all(ids.map((id) => readSource(redis, keys, id)));
  return sources.filter((source) => source !== undefined).toSorted((a, b) => a.path.localeCompare(b.path));
}

async function readSource(redis: RedisClient, keys: Keys, id: string): Promise<Source | undefined> {
  const [stored, holder] = await Promise.all([redis.hgetall(keys.source(id)), redis.get(keys.lease(id))]);
  if (!stored.path) return undefined;
  const live = newestFile(stored.position ?? '');
  const found = await stat(stored.path, { bigint: true }).catch(() => undefined);
  const size = found ? Number(found.size) : null;
  // Another file by now: nothing of it is decided yet.
  const offset = live && (!found || String(found.ino) === live.inode) ? live.offset : 0;
  return {
    path: stored.path,
    offset,
    size,
    lagBytes: size === null ? null : Math.max(0, size - offset),
    lastRowAt: stored.lastRowAt ? Number(stored.lastRowAt) : null,
    committedAt: Number(stored.committedAt),
    holder: holder?.replace(/:[^:]*$/, '') ?? null,
  };
}

function newestFile(position: string): { inode: string; offset: number } | undefined {
  try {
    return JSON.parse(position).files.at(-1);
  } catch {
    return undefined;
  }
}
