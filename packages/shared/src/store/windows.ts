/**
 * Debounce windows as an operator sees them. BullMQ's deduplication key is the truth: the window is open while it exists, and
 * its value is the winner's job id. The index next to it (lua/lib/windows.lua) makes listing and totals cheap; entries whose
 * key is gone are dropped when a reader meets them.
 */
import type { RedisClient } from '../runtime/redis.ts';
import { debounceId, parseDebounceId, probePrefix, type WindowSort } from '../wake/pair.ts';
import type { Wake } from '../wake/wake.ts';
import { type Keys, windowIndex } from './keys.ts';
import { type Place, readPage } from './page.ts';
import { isOurs, readJob, type WakesQueue } from './queues.ts';
import { luaScript } from './scripts.ts';
import { readSuppressed } from './wake-record.ts';

/** An open debounce window. Times are ms since the epoch. */
export interface Window {
  probe: string;
  category: string;
  /** The wake that opened the window. */
  wakeId: string;
  severity: string;
  openedAt: number;
  remainingMs: number;
  /** Rows coalesced into the wake so far. */
  suppressed: number;
  lastSuppressedAt: number | null;
}

export interface WindowStore {
  redis: RedisClient;
  queue: WakesQueue;
  keys: Keys;
}

/** The open window of a pair, or undefined. */
export async function getWindow(store: WindowStore, probe: string, category: string): Promise<Window | undefined> {
  return readWindow(store, debounceId(probe, category));
}

/** Limits a list of windows. Fields that are undefined do not limit it. */
export interface WindowFilter {
  probe?: string | undefined;
  category?: string | undefined;
  /** Part of the probe or of the category, in any case. */
  q?: string | undefined;
}

/** A page of windows. `open` and `suppressed` are totals of the whole list: its windows, and the rows suppressed in them. */
export interface WindowPage {
  entries: Window[];
  /** The place at which the next page begins, or null at the end of the list. */
  next: Place | null;
  open: number;
  suppressed: number;
}

/** The list of windows that match a filter, in the order of a sort. */
interface WindowList {
  placesAfter(place: Place | undefined, limit: number): Promise<Place[]>;
  /** Takes windows out whose deduplication key is gone. */
  drop(ids: string[]): Promise<void>;
  totals(): Promise<Pick<WindowPage, 'open' | 'suppressed'>>;
}

/**
 * One page of open windows. Without a filter its cost does not depend on the number of windows. With a filter all windows
 * are read, or all of one probe. Repeats that are counted between two pages can move a window to the other page.
 *
 * @param page `sort`: by name if it is missing; `after`: the place at which the previous page ended
 */
export async function listWindows(
  store: WindowStore,
  page: WindowFilter & { sort?: WindowSort | undefined; limit: number; after?: Place | undefined },
): Promise<WindowPage> {
  const { sort = 'name', limit, after, ...filter } = page;
  await dropEnded(store);
  await addMissingRepeats(store);
  const isLimited = Object.values(filter).some((value) => value !== undefined);
  const list = isLimited ? await filteredList(store, sort, filter) : indexedList(store, sort);
  const { entries, next } = await readEntries(store, list, limit, after);
  return { entries, next, ...(await list.totals()) };
}

async function readEntries(
  store: WindowStore,
  list: WindowList,
  limit: number,
  after: Place | undefined,
): Promise<Pick<WindowPage, 'entries' | 'next'>> {
  const entries: Window[] = [];
  for (let last = after; ; ) {
    const wanted = limit - entries.length;
    const places = await list.placesAfter(last, wanted + 1);
    const ids = places.slice(0, wanted).map(({ id }) => id);
    const windows = await Promise.all(ids.map((id) => readWindow(store, id)));
    const lost = ids.filter((_, i) => windows[i] === undefined);
    if (lost.length > 0) await list.drop(lost);
    entries.push(...windows.filter((window) => window !== undefined));
    last = places[wanted - 1];
    if (!last || places.length <= wanted) return { entries, next: null };
    if (entries.length === limit) return { entries, next: last };
  }
}

/** All windows. Each order has its index. */
function indexedList(store: WindowStore, sort: WindowSort): WindowList {
  const { redis, keys } = store;
  const placesAfter = {
    name: async (place: Place | undefined, limit: number) =>
      (await idsAfter(store, place?.id, undefined, limit)).map((id) => ({ at: 0, id })),
    suppressed: (after: Place | undefined, limit: number) => readPage(redis, keys.windowRepeats, { limit, after }),
    expires: (after: Place | undefined, limit: number) =>
      readPage(redis, keys.windowEnds, { limit, after, first: 'lowest' }),
  };
  return {
    placesAfter: placesAfter[sort],
    drop: (ids) => dropLost(store, ids),
    totals: async () => {
      const [open, suppressed] = await Promise.all([redis.zcard(keys.windowNames), redis.get(keys.windowRepeatsTotal)]);
      return { open, suppressed: Number(suppressed ?? 0) };
    },
  };
}

/** Positive if the place `a` comes after `b`. The order is that of the indexes. */
const COMPARE: Record<WindowSort, (a: Place, b: Place) => number> = {
  name: (a, b) => compareIds(a, b),
  suppressed: (a, b) => b.at - a.at || compareIds(b, a),
  expires: (a, b) => a.at - b.at || compareIds(a, b),
};

function compareIds({ id: a }: Place, { id: b }: Place): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

interface IndexedWindow extends Place {
  repeats: number;
}

async function filteredList(store: WindowStore, sort: WindowSort, filter: WindowFilter): Promise<WindowList> {
  const compare = COMPARE[sort];
  let windows = (await findWindows(store, sort, filter)).sort(compare);
  return {
    placesAfter: async (place, limit) => {
      const first = place === undefined ? 0 : windows.findIndex((window) => compare(window, place) > 0);
      return first === -1 ? [] : windows.slice(first, first + limit);
    },
    drop: async (ids) => {
      await dropLost(store, ids);
      windows = windows.filter(({ id }) => !ids.includes(id));
    },
    totals: async () => ({
      open: windows.length,
      suppressed: windows.reduce((sum, { repeats }) => sum + repeats, 0),
    }),
  };
}

const READ_WINDOWS = luaScript('read-windows');
/** Windows that are read from the index in one round trip, so that other clients never wait long. */
const READ_LIMIT = 1_000;

async function findWindows(store: WindowStore, sort: WindowSort, filter: WindowFilter): Promise<IndexedWindow[]> {
  const matches = matcher(filter);
  const found: IndexedWindow[] = [];
  for (let after: string | undefined; ; ) {
    const answer = await READ_WINDOWS(
      store.redis,
      windowIndex(store.keys),
      ...lexRange(after, filter.probe),
      READ_LIMIT,
    );
    const flat: unknown[] = Array.isArray(answer) ? answer : [];
    if (flat.length === 0) return found;
    for (let i = 0; i + 2 < flat.length; i += 3) {
      const id = String(flat[i]);
      const [repeats, endsAt] = [Number(flat[i + 1]), Number(flat[i + 2])];
      if (matches(id)) found.push({ id, repeats, at: { name: 0, suppressed: repeats, expires: endsAt }[sort] });
      after = id;
    }
  }
}

/** Whether the window of a deduplication id matches. Ids that are not of a pair do not match. */
function matcher({ probe, category, q }: WindowFilter): (id: string) => boolean {
  const part = q?.toLowerCase();
  return (id) => {
    const pair = parseDebounceId(id);
    if (!pair) return false;
    if (probe !== undefined && pair.probe !== probe) return false;
    if (category !== undefined && pair.category !== category) return false;
    return part === undefined || [pair.probe, pair.category].some((name) => name.toLowerCase().includes(part));
  };
}

const CHECK_REPEATS = luaScript('check-window-repeats');
const ADD_REPEATS = luaScript('add-window-repeats');

/** Windows that are added to the index of repeats in one round trip. */
const ADD_LIMIT = 500;

/** Fills the index of repeats if a release without it opened or closed windows. */
async function addMissingRepeats(store: WindowStore): Promise<void> {
  const { redis, keys } = store;
  if ((await CHECK_REPEATS(redis, windowIndex(keys))) === 0) return;
  for (let ids = await idsAfter(store, undefined, undefined, ADD_LIMIT); ids.length > 0; ) {
    const wakeIds = await Promise.all(ids.map(async (id) => (await redis.get(keys.dedup(id))) ?? ''));
    const ofWindows = ids.flatMap((id, i) => [keys.dedup(id), keys.wake(wakeIds[i] ?? '')]);
    await ADD_REPEATS(redis, [...windowIndex(keys), ...ofWindows], ...ids.flatMap((id, i) => [id, wakeIds[i] ?? '']));
    ids = await idsAfter(store, ids.at(-1), undefined, ADD_LIMIT);
  }
}

/** Number of open windows. @param at ms since the epoch */
export async function countWindows({ redis, keys }: Pick<WindowStore, 'redis' | 'keys'>, at: number): Promise<number> {
  return redis.zcount(keys.windowEnds, at, '+inf');
}

const CLEAR = luaScript('clear-window');

/** Closes the window of a pair, so that its next row is investigated. Returns the closed window, or undefined. */
export async function clearWindow(store: WindowStore, probe: string, category: string): Promise<Window | undefined> {
  const { redis, keys } = store;
  const id = debounceId(probe, category);
  const closed = await CLEAR(redis, [keys.dedup(id), ...windowIndex(keys)], id);
  const [winner, left]: unknown[] = Array.isArray(closed) ? closed : [];
  return typeof winner === 'string' ? describeWindow(store, id, winner, Number(left)) : undefined;
}

/** Windows that are closed in one round trip. */
const CLEAR_PAGE = 500;

/** Closes all windows, or all of one probe. Returns how many were open. */
export async function clearWindows(store: WindowStore, probe?: string): Promise<number> {
  let cleared = 0;
  let after: string | undefined;
  for (;;) {
    const ids = await idsAfter(store, after, probe, CLEAR_PAGE);
    after = ids.at(-1);
    if (after === undefined) return cleared;
    const removed = await Promise.all(ids.map((id) => store.queue.removeDeduplicationKey(id)));
    cleared += removed.reduce((sum, n) => sum + n, 0);
    await dropLost(store, ids);
  }
}

const RELEASE = luaScript('release-window');

/**
 * Closes the window that a wake opened, unless a later wake holds it now: a wake that failed before it had a report must not
 * suppress others.
 */
export async function releaseWindow(
  redis: RedisClient,
  keys: Keys,
  wake: Pick<Wake, 'id' | 'probe' | 'category'>,
): Promise<void> {
  const id = debounceId(wake.probe, wake.category);
  await RELEASE(redis, [keys.dedup(id), ...windowIndex(keys)], wake.id, id);
}

const PASS = luaScript('pass-windows');

/**
 * Closes windows right before critical wakes that bypass them are added over the same connection.
 *
 * @param passing deduplication id of each window, and the key of the wake's job: if that job exists, its window stays open
 */
export async function passWindows(
  redis: RedisClient,
  keys: Keys,
  passing: Array<{ window: string; jobKey: string }>,
): Promise<void> {
  if (passing.length === 0) return;
  await PASS(
    redis,
    passing.flatMap(({ window, jobKey }) => [keys.dedup(window), jobKey]),
  );
}

const DROP_ENDED = luaScript('drop-ended-windows');
/** The script's limit per call. */
const DROP_PAGE = 1_000;

/** Takes windows that have ended out of the index and publishes an event for each, once. */
export async function dropEnded({ redis, keys }: Pick<WindowStore, 'redis' | 'keys'>): Promise<void> {
  while ((await DROP_ENDED(redis, [...windowIndex(keys), keys.events])) === DROP_PAGE);
}

const DROP_LOST = luaScript('drop-lost-windows');

async function dropLost({ redis, keys }: WindowStore, ids: string[]): Promise<void> {
  await DROP_LOST(redis, [...windowIndex(keys), ...ids.map((id) => keys.dedup(id))], ...ids);
}

function idsAfter(
  { redis, keys }: WindowStore,
  after: string | undefined,
  probe: string | undefined,
  limit: number,
): Promise<string[]> {
  return redis.zrangebylex(keys.windowNames, ...lexRange(after, probe), 'LIMIT', 0, limit);
}

/** The ids of all windows, or of those of one probe, after an id, as arguments of ZRANGEBYLEX. */
function lexRange(after: string | undefined, probe: string | undefined): [first: string, last: string] {
  const prefix = probe === undefined ? undefined : probePrefix(probe);
  const first = prefix === undefined ? '-' : `[${prefix}`;
  // Ids of one probe begin with its prefix, which ends with a colon. A semicolon is the next character.
  const end = prefix === undefined ? '+' : `(${prefix.slice(0, -1)};`;
  return [after === undefined ? first : `(${after}`, end];
}

async function readWindow(store: WindowStore, id: string): Promise<Window | undefined> {
  const { redis, keys } = store;
  const [wakeId, left] = await Promise.all([redis.get(keys.dedup(id)), redis.pttl(keys.dedup(id))]);
  return wakeId === null || left <= 0 ? undefined : describeWindow(store, id, wakeId, left);
}

/** @param left how long it stays open, ms */
async function describeWindow(
  { redis, queue, keys }: WindowStore,
  id: string,
  wakeId: string,
  left: number,
): Promise<Window | undefined> {
  const pair = parseDebounceId(id);
  if (!pair) return undefined;
  const [job, suppressed] = await Promise.all([readJob(queue, wakeId), readSuppressed(redis, keys, wakeId)]);
  return {
    ...pair,
    wakeId,
    severity: job && isOurs(job) ? job.data.wake.severity : 'unknown',
    openedAt: job?.timestamp || Date.now(),
    remainingMs: left,
    ...suppressed,
  };
}
