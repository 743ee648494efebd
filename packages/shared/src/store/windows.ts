/**
 * Debounce windows as an operator sees them. BullMQ's deduplication key is the truth (a window is open while it
 * lives, its value is the winner); the index beside it only makes listing cheap, and entries whose key is gone
 * are dropped as they are met.
 */

import type { RedisClient } from '../runtime/redis.ts';
import { debounceId, debouncePair, probePrefix } from '../wake/pair.ts';
import type { Wake } from '../wake/wake.ts';
import { EVENTS_KEPT } from './events.ts';
import type { Keys } from './keys.ts';
import type { WakesQueue } from './queues.ts';

export interface Window {
  probe: string;
  category: string;
  /** The wake that opened the window. */
  wakeId: string;
  severity: string;
  /** ISO 8601. */
  openedAt: string;
  /** ISO 8601. */
  expiresAt: string;
  remainingMs: number;
  /** Wakes coalesced into the winner so far. */
  suppressed: number;
  /** ISO 8601, or null where none was. */
  lastSuppressedAt: string | null;
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
 * One page of open windows, in the order of their ids.
 *
 * @param page `probe` keeps to one probe; `after` is the id the page before ended with
 * @returns the windows, and the id to go on after where there may be more
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
    const gone = ids.filter((_, i) => windows[i] === undefined);
    if (gone.length > 0) await dropFromIndex(store, gone);
    entries.push(...windows.filter((window) => window !== undefined));
    after = ids.at(-1);
    if (after === undefined) return { entries, next: null };
    if (entries.length === page.limit) return { entries, next: after };
  }
}

/** KEYS: the deduplication key, names, ends. What is closed is what is told of, also where it opened just now. */
const CLEAR = `
local winner = redis.call('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return {winner, left}`;

/** Closes the window of a pair, so that its next wake is investigated. Returns what was closed, or undefined. */
export async function clearWindow(store: WindowStore, probe: string, category: string): Promise<Window | undefined> {
  const { redis, keys } = store;
  const id = debounceId(probe, category);
  const closed = await redis.eval(CLEAR, 3, keys.dedup(id), keys.windowNames, keys.windowEnds, id);
  const [winner, left]: unknown[] = Array.isArray(closed) ? closed : [];
  return typeof winner === 'string' ? windowOf(store, id, winner, Number(left)) : undefined;
}

/** Closes all windows, or all of one probe. Returns how many were open. */
export async function clearWindows(store: WindowStore, probe?: string): Promise<number> {
  let cleared = 0;
  let after: string | undefined;
  for (;;) {
    const ids = await idsAfter(store, after, probe, 500);
    after = ids.at(-1);
    if (after === undefined) return cleared;
    const removed = await Promise.all(ids.map((id) => store.queue.removeDeduplicationKey(id)));
    cleared += removed.reduce((sum, n) => sum + n, 0);
    await dropFromIndex(store, ids);
  }
}

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
return 1`;

/** Closes the window a wake opened, unless a later wake has it by now: a wake that never spoke holds no window. */
export async function releaseWindow(
  redis: RedisClient,
  keys: Keys,
  wake: Pick<Wake, 'id' | 'probe' | 'category'>,
): Promise<void> {
  const id = debounceId(wake.probe, wake.category);
  await redis.eval(RELEASE, 3, keys.dedup(id), keys.windowNames, keys.windowEnds, wake.id, id);
}

const DROP_ENDED = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
if #ended == 0 then return 0 end
redis.call('ZREM', KEYS[1], unpack(ended))
redis.call('ZREM', KEYS[2], unpack(ended))
for _, id in ipairs(ended) do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${EVENTS_KEPT}, '*', 'type', 'window.expired', 'pair', id)
end
return #ended`;

/** Takes windows that have ended out of the index, and tells of each once. */
export async function dropEnded({ redis, keys }: Pick<WindowStore, 'redis' | 'keys'>): Promise<void> {
  while ((await redis.eval(DROP_ENDED, 3, keys.windowNames, keys.windowEnds, keys.events)) === 1000);
}

/** KEYS: names, ends, then a deduplication key for each id. Only what is still gone: a tailer may have opened it again. */
const DROP_GONE = `
for i, id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 2]) == 0 then
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
end`;

async function dropFromIndex({ redis, keys }: WindowStore, ids: string[]): Promise<void> {
  const scriptKeys = [keys.windowNames, keys.windowEnds, ...ids.map((id) => keys.dedup(id))];
  await redis.eval(DROP_GONE, scriptKeys.length, ...scriptKeys, ...ids);
}

function idsAfter(
  { redis, keys }: WindowStore,
  after: string | undefined,
  probe: string | undefined,
  limit: number,
): Promise<string[]> {
  const prefix = probe === undefined ? undefined : probePrefix(probe);
  const first = prefix === undefined ? '-' : `[${prefix}`;
  // Ids of one probe begin with its prefix, which ends with a colon; a semicolon is the next character.
  const end = prefix === undefined ? '+' : `(${prefix.slice(0, -1)};`;
  return redis.zrangebylex(keys.windowNames, after === undefined ? first : `(${after}`, end, 'LIMIT', 0, limit);
}

async function readWindow(store: WindowStore, id: string): Promise<Window | undefined> {
  const { redis, keys } = store;
  const [wakeId, left] = await Promise.all([redis.get(keys.dedup(id)), redis.pttl(keys.dedup(id))]);
  return wakeId === null || left <= 0 ? undefined : windowOf(store, id, wakeId, left);
}

/** @param left how long it stays open, ms */
async function windowOf(
  { redis, queue, keys }: WindowStore,
  id: string,
  wakeId: string,
  left: number,
): Promise<Window> {
  const [job, counted] = await Promise.all([
    queue.getJob(wakeId),
    redis.hmget(keys.wake(wakeId), 'suppressed', 'lastSuppressedAt'),
  ]);
  const now = Date.now();
  const [suppressed, lastSuppressedAt] = counted;
  return {
    ...debouncePair(id),
    wakeId,
    severity: job?.data.wake.severity ?? 'unknown',
    openedAt: new Date(job?.timestamp ?? now).toISOString(),
    expiresAt: new Date(now + left).toISOString(),
    remainingMs: left,
    suppressed: Number(suppressed ?? 0),
    lastSuppressedAt: lastSuppressedAt ? new Date(Number(lastSuppressedAt)).toISOString() : null,
  };
}
