/** Lists of wakes, newest first: all, of one probe, or of one pair. Three indexes find the wakes' records. */
import type { RedisClient } from '../runtime/redis.ts';
import { debounceId } from '../wake/pair.ts';
import type { Wake } from '../wake/wake.ts';
import type { Keys } from './keys.ts';
import { type Place, readPage } from './page.ts';
import { readWakeRecord, type WakeRecord } from './wake-record.ts';

/** The indexes that list a wake. */
export function historyKeys(keys: Keys, wake: Pick<Wake, 'probe' | 'category'>): string[] {
  return [keys.history, keys.historyOfProbe(wake.probe), keys.historyOfPair(debounceId(wake.probe, wake.category))];
}

/**
 * Reads one page of wake records, newest first. Records that are missing or not valid are left out.
 *
 * @param page `since`: older wakes are left out, ms since the epoch; `after`: continues there
 * @returns the records, and the place at which the page ended, or null at the end of the list
 */
export async function listWakeRecords(
  redis: RedisClient,
  keys: Keys,
  filter: { probe?: string | undefined; category?: string },
  page: { limit: number; since: number; after?: Place | undefined },
): Promise<{ entries: WakeRecord[]; next: Place | null }> {
  const { limit, since, after } = page;
  const read = await readPage(redis, indexKey(keys, filter), { limit: limit + 1, after });
  const places = read.filter(({ at }) => at >= since);
  const found = await Promise.all(places.slice(0, limit).map(({ id }) => readWakeRecord(redis, keys, id)));
  const last = places[limit - 1];
  return {
    entries: found.filter((wake) => wake !== undefined),
    next: last && places.length > limit ? last : null,
  };
}

/** The smallest index that lists every wake of a probe, a pair, or all. */
export function indexKey(
  keys: Keys,
  { probe, category }: { probe?: string | undefined; category?: string | undefined },
): string {
  if (probe === undefined) return keys.history;
  return category === undefined ? keys.historyOfProbe(probe) : keys.historyOfPair(debounceId(probe, category));
}
