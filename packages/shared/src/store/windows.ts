/**
 * Debounce windows as an operator sees them. BullMQ's deduplication key is the truth: the window is open while it exists, and
 * its value is the winner's job id. The index next to it makes listing cheap; entries whose key is gone are dropped when a
 * reader meets them.
 */
import type { RedisClient } from '../runtime/redis.ts';
import { debounceId, parseDebounceId, probePrefix } from '../wake/pair.ts';
import type { Wake } from '../wake/wake.ts';
import type { Keys } from './keys.ts';
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

/**
 * One page of open windows, ordered by deduplication id.
 *
 * @param page `probe`: only windows of this probe; `after`: the id at which the previous page ended
 * @returns the windows, and the id after which the next page begins, or null at the end of the list
 */
export async function listWindows(
  store: WindowStore,
  page: { probe?: string | undefined; limit: number; after?: string | undefined },
): Promise<{ entries: Window[]; next: string | null }> {
  await dropEnded(store);
  const entries: Window[] = [];
  let after = page.after;
  for (;;) {
    const ids = await idsAfter(store, after, page.probe, page.limit - entries.length);
    const windows = await Promise.all(ids.map((id) => readWindow(store, id)));
    const lost = ids.filter((_, i) => windows[i] === undefined);
    if (lost.length > 0) await dropLost(store, lost);
    entries.push(...windows.filter((window) => window !== undefined));
    after = ids.at(-1);
    if (after === undefined) return { entries, next: null };
    if (entries.length === page.limit) return { entries, next: after };
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
  const closed = await CLEAR(redis, [keys.dedup(id), keys.windowNames, keys.windowEnds], id);
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
  await RELEASE(redis, [keys.dedup(id), keys.windowNames, keys.windowEnds], wake.id, id);
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
  while ((await DROP_ENDED(redis, [keys.windowNames, keys.windowEnds, keys.events])) === DROP_PAGE);
}

const DROP_LOST = luaScript('drop-lost-windows');

async function dropLost({ redis, keys }: WindowStore, ids: string[]): Promise<void> {
  await DROP_LOST(redis, [keys.windowNames, keys.windowEnds, ...ids.map((id) => keys.dedup(id))], ...ids);
}

function idsAfter(
  { redis, keys }: WindowStore,
  after: string | undefined,
  probe: string | undefined,
  limit: number,
): Promise<string[]> {
  const prefix = probe === undefined ? undefined : probePrefix(probe);
  const first = prefix === undefined ? '-' : `[${prefix}`;
  // Ids of one probe begin with its prefix, which ends with a colon. A semicolon is the next character.
  const end = prefix === undefined ? '+' : `(${prefix.slice(0, -1)};`;
  return redis.zrangebylex(keys.windowNames, after === undefined ? first : `(${after}`, end, 'LIMIT', 0, limit);
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
