/** Pages of sorted sets. */
import type { RedisClient } from '../runtime/redis.ts';
import { luaScript } from './scripts.ts';

/** A place in a list: after this member. */
export interface Place {
  /** Score of the member. In most lists it is a time, ms since the epoch. */
  at: number;
  id: string;
}

const READ_PAGE = luaScript('read-page');

/**
 * Reads places of a sorted set. The cost does not depend on the place.
 *
 * @param key of the sorted set
 * @param page `limit`: maximum number of places; `after`: the last place of the previous page; `first`: the scores that come
 *   first, by default the highest, which are the latest times
 */
export async function readPage(
  redis: RedisClient,
  key: string,
  page: { limit: number; after?: Place | undefined; first?: 'highest' | 'lowest' },
): Promise<Place[]> {
  const { limit, after, first = 'highest' } = page;
  const answer = await READ_PAGE(redis, [key], after?.at ?? 0, after?.id ?? '', limit, first);
  const flat: unknown[] = Array.isArray(answer) ? answer : [];
  const places: Place[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) places.push({ id: String(flat[i]), at: Number(flat[i + 1]) });
  return places;
}
