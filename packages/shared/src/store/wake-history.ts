/** Lists of wakes, newest first: all, of one probe, or of one pair. Three indexes find the wakes' records. */
import type { RedisClient } from '../runtime/redis.ts';
import { debounceId } from '../wake/pair.ts';
import type { Wake } from '../wake/wake.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { readWakeRecord, type WakeRecord } from './wake-record.ts';

/** The indexes that list a wake. */
export function historyKeys(keys: Keys, wake: Pick<Wake, 'probe' | 'category'>): string[] {
  return [keys.history, keys.historyOfProbe(wake.probe), keys.historyOfPair(debounceId(wake.probe, wake.category))];
}

/** A place in a list: after this wake. */
export interface Place {
  /** When the wake was enqueued, ms since the epoch. */
  at: number;
  wakeId: string;
}

const READ_PAGE = luaScript('read-wake-page');

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
  const answer = await READ_PAGE(redis, [indexKey(keys, filter)], after?.at ?? 0, after?.wakeId ?? '', limit + 1);
  const places = parsePlaces(Array.isArray(answer) ? answer : []).filter(({ at }) => at >= since);
  const found = await Promise.all(places.slice(0, limit).map(({ wakeId }) => readWakeRecord(redis, keys, wakeId)));
  const last = places[limit - 1];
  return {
    entries: found.filter((wake) => wake !== undefined),
    next: last && places.length > limit ? last : null,
  };
}

function indexKey(keys: Keys, { probe, category }: { probe?: string | undefined; category?: string }): string {
  if (probe === undefined) return keys.history;
  return category === undefined ? keys.historyOfProbe(probe) : keys.historyOfPair(debounceId(probe, category));
}

/** @param flat members and scores in turn */
function parsePlaces(flat: unknown[]): Place[] {
  const places: Place[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) places.push({ wakeId: String(flat[i]), at: Number(flat[i + 1]) });
  return places;
}
