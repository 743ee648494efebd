/** The state of the Redis behind a connection: its settings, and since when its data is complete. */
import { Redis } from 'ioredis';
import type { RedisClient } from '../runtime/redis.ts';
import { isForbidden } from '../runtime/redis-fault.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';

const INFO = luaScript('redis-info');
const RECORD_DATA_LOSS = luaScript('record-data-loss');

/** Settings that are not safe for a pager, one sentence each. Undefined if the user may not read the settings. */
export async function unsafeSettings(redis: RedisClient, keys: Keys): Promise<string[] | undefined> {
  const info = await readInfo(redis, keys);
  if (info === undefined) return undefined;
  const setting = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const warnings: string[] = [];
  if (setting('maxmemory') !== '0' && setting('maxmemory_policy') !== 'noeviction') {
    warnings.push('Redis may evict jobs when its memory is full: set maxmemory-policy noeviction.');
  }
  if (setting('aof_enabled') === '0') {
    warnings.push('Redis does not write its data to disk at once: set appendonly yes.');
  }
  return warnings;
}

/** TTL of the probe, s. */
const PROBE_TTL_S = 60;

/** Writes a key, to find out whether Redis accepts writes. @throws the error of Redis or of the connection if it does not */
export async function assertAcceptsWrites(redis: RedisClient, keys: Keys): Promise<void> {
  await redis.set(keys.writeProbe, '1', 'EX', PROBE_TTL_S);
}

/**
 * Reads the earliest time (ms, Redis's clock) from which this Redis certainly holds every acknowledged write: normally its
 * start, because the last writes before it may not have reached the disk. After a fail-over that this process observed, it
 * is the time of the fail-over. If the user may not run INFO, it is the time of the last connection, because a restart
 * cannot be told from a new connection. FLUSHALL is recorded by {@link recordDataLoss}.
 */
export function redisCompleteSince(redis: RedisClient, keys: Keys): () => Promise<number> {
  let server: { runId: string; since: number } | undefined;
  /** One connection reaches one server, so the answer holds until it closes. A cluster has many. */
  let isCurrent = false;
  const forget = () => {
    isCurrent = false;
  };
  redis.on('close', forget);
  redis.on('+node', forget);
  return async () => {
    if (isCurrent && server) return server.since;
    isCurrent = redis instanceof Redis;
    const info = await readInfo(redis, keys, 'server');
    if (info === undefined) {
      isCurrent = true;
      const [seconds] = await redis.time();
      server = { runId: '', since: Number(seconds) * 1_000 };
      return server.since;
    }
    const field = (name: string) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1] ?? '';
    const now = Math.floor(Number(field('server_time_usec')) / 1_000);
    const startedAt = now - Number(field('uptime_in_seconds')) * 1_000;
    const runId = field('run_id');
    if (server?.runId !== runId) server = { runId, since: server ? now : startedAt };
    return server.since;
  };
}

/** The text of INFO, or undefined if the user may not run it. */
async function readInfo(redis: RedisClient, keys: Keys, ...section: string[]): Promise<string | undefined> {
  try {
    return String(await INFO(redis, [keys.dataLostAt], ...section));
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/** Time between two readings of Redis's clock, ms. */
const READ_CLOCK_MS = 10_000;

/** Redis's clock without a query for each reading: the difference to this process's clock is measured every ten seconds. */
export function redisClock(redis: Pick<RedisClient, 'time'>): { now(): number; stop(): void } {
  let ahead = 0;
  async function measure(): Promise<void> {
    const asked = Date.now();
    const [seconds, microseconds] = await redis.time();
    ahead = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (asked + Date.now()) / 2;
  }
  // While Redis is away, nothing is decided.
  const measureQuietly = () => void measure().catch(() => undefined);
  measureQuietly();
  const timer = setInterval(measureQuietly, READ_CLOCK_MS).unref();
  return { now: () => Math.round(Date.now() + ahead), stop: () => clearInterval(timer) };
}

/** Records that Redis came back without its data. */
export async function recordDataLoss(redis: RedisClient, keys: Keys): Promise<void> {
  await RECORD_DATA_LOSS(redis, [keys.dataLostAt]);
}
