/** The logs that are followed, as far as Redis and this machine know. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RedisClient } from '../runtime/redis.ts';
import type { Keys } from './keys.ts';

export interface Source {
  path: string;
  /** Up to where the newest file is decided, bytes. */
  offset: number;
  /** Bytes, or null where this machine has no such file. */
  size: number | null;
  /** The whole lines that are written and not decided, bytes; null where the size is. Files that rotation left are not in it. */
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
  const found = await lookAt(stored.path);
  const size = found?.size ?? null;
  // Another file by now: nothing of it is decided yet.
  const offset = live && (!found || found.inode === live.inode) ? live.offset : 0;
  return {
    path: stored.path,
    offset,
    size,
    lagBytes: found ? Math.max(0, found.size - found.begun - offset) : null,
    lastRowAt: stored.lastRowAt ? Number(stored.lastRowAt) : null,
    committedAt: Number(stored.committedAt),
    holder: holder?.replace(/:[^:]*$/, '') ?? null,
  };
}

/** Of the end of a log, bytes: a last line that is only begun is mostly shorter. */
const END_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** A log as it is on disk; `begun` are the bytes of a last line without its newline. Undefined where it cannot be read. */
async function lookAt(path: string): Promise<{ inode: string; size: number; begun: number } | undefined> {
  // What is no file, such as a pipe, would else be waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  try {
    if (!file) return undefined;
    const stats = await file.stat({ bigint: true });
    const size = Number(stats.size);
    const end = Buffer.alloc(Math.min(size, END_BYTES));
    const { bytesRead } = await file.read(end, 0, end.length, size - end.length);
    const newline = end.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    return { inode: String(stats.ino), size, begun: newline < 0 && size > END_BYTES ? 0 : bytesRead - newline - 1 };
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

function newestFile(position: string): { inode: string; offset: number } | undefined {
  try {
    return JSON.parse(position).files.at(-1);
  } catch {
    return undefined;
  }
}
