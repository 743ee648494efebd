/** The last lines of a log that name the wake seam but could not be read, for the operator. The commit adds them. */
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import type { Keys } from './keys.ts';
import { parseStoredList } from './stored-json.ts';

/** Lines that are kept for each log. */
export const MAX_KEPT_UNREADABLE = 50;

const unreadableLine = z.object({
  /** Bytes. */
  offset: z.number(),
  reason: z.string(),
  /** The beginning of the line, redacted. */
  text: z.string(),
});
export type UnreadableLine = z.infer<typeof unreadableLine>;

const keptLine = unreadableLine.extend({
  /** When it was read, ms since the epoch. */
  at: z.number(),
});
export type KeptLine = z.infer<typeof keptLine>;

/** Newest first. An entry that cannot be read is left out. */
export async function readUnreadableLines(redis: RedisClient, keys: Keys, sourceId: string): Promise<KeptLine[]> {
  return parseStoredList(keptLine, await redis.lrange(keys.unreadable(sourceId), 0, MAX_KEPT_UNREADABLE - 1));
}
