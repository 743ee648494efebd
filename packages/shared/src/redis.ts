/** Connections to Redis, and what a person is told when there is none. */
import { Redis } from 'ioredis';
import { errorCode, errorReason, StartupError } from './errors.ts';
import type { Keys } from './keys.ts';
import type { Logger } from './log.ts';

/** Time for the first connection, ms. */
const CONNECT_TIMEOUT_MS = 5_000;
/** No command of ours takes this long on a Redis that is well, ms. */
const COMMAND_TIMEOUT_MS = 10_000;

/**
 * Connects, and waits until Redis answers.
 *
 * `producer` connections reject at once while Redis is away; `worker` connections wait for it, which BullMQ's
 * workers need.
 *
 * @throws StartupError with one sentence where Redis cannot be reached or refuses
 */
export async function connectRedis(url: string, kind: 'producer' | 'worker', log: Logger): Promise<Redis> {
  const options =
    kind === 'producer'
      ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS }
      : { maxRetriesPerRequest: null };
  const redis = new Redis(url, {
    ...options,
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  let lastError: Error | undefined;
  redis.on('error', (error: Error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    // A database that does not exist is no error to ioredis: it would go on in database 0.
    await redis.select(redis.options.db ?? 0);
  } catch (error) {
    redis.disconnect();
    throw new StartupError(
      `Redis at ${redactedUrl(url)} ${reason(lastError ?? error)}. Start it, or set REDIS_URL to one that runs.`,
      { cause: lastError ?? error },
    );
  }
  redis.options.retryStrategy = (times) => Math.min(100 * 2 ** Math.min(times, 6), 3_000);
  redis.removeAllListeners('error');
  reportOutages(redis, log);
  return redis;
}

/** Closes a connection, whether or not Redis is there to say goodbye to. */
export async function closeRedis(redis: Redis): Promise<void> {
  // With commands in its offline queue, `quit` would wait for Redis to come back.
  if (redis.status === 'ready') await redis.quit().catch(() => undefined);
  redis.disconnect();
}

/** One line when Redis goes away and one when it is back, however often the connection is tried in between. */
function reportOutages(redis: Redis, log: Logger): void {
  let down = false;
  redis.on('error', (error: Error) => {
    if (!down) log.error({ reason: error.message }, 'Redis is away; work waits until it is back');
    down = true;
  });
  redis.on('ready', () => {
    if (down) log.info('Redis is back');
    down = false;
  });
}

/**
 * What of this Redis is not safe for a pager, one sentence each; empty where all is well.
 */
export async function unsafeSettings(redis: Redis): Promise<string[]> {
  const info = await redis.info();
  const setting = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const warnings: string[] = [];
  if (setting('maxmemory') !== '0' && setting('maxmemory_policy') !== 'noeviction') {
    warnings.push('Redis may evict jobs when its memory is full: set maxmemory-policy noeviction.');
  }
  if (setting('aof_enabled') === '0') {
    warnings.push('Redis does not write what it is given to disk at once: set appendonly yes.');
  }
  return warnings;
}

/** Asked for with a key, so that in a cluster the node answers that has our keys. */
const SERVER = "return {redis.call('INFO', 'server'), redis.call('GET', KEYS[1]) or '0'}";

/**
 * Since when this Redis knows all it was told, ms since the epoch: its start, where the last it had acknowledged may
 * not have been on disk; once this process has seen another Redis in its place (a fail-over), the time of that; or
 * the last time a tailer found it emptied.
 */
export function knowsAllSince(redis: Redis, keys: Keys): () => Promise<number> {
  let seen: { runId: string; since: number } | undefined;
  return async () => {
    const answer = await redis.eval(SERVER, 1, keys.forgot);
    const [info = '', forgot] = Array.isArray(answer) ? answer.map(String) : [];
    const field = (name: string) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1] ?? '';
    const now = Number(field('server_time_usec')) / 1_000;
    const runId = field('run_id');
    if (seen?.runId !== runId) seen = { runId, since: seen ? now : now - Number(field('uptime_in_seconds')) * 1_000 };
    return Math.max(seen.since, Number(forgot));
  };
}

/** Whether a command failed because Redis could not be reached or did not answer, rather than for what it asked. */
export function isRedisAway(error: unknown): boolean {
  return /isn't writeable|Connection is closed|max retries per request|Command timed out/.test(String(error));
}

/** The URL without its password, for people. */
export function redactedUrl(url: string): string {
  const parsed = new URL(url);
  if (parsed.password) parsed.password = '***';
  return parsed.href.replace(/\/$/, '');
}

function reason(error: unknown): string {
  const code = errorCode(error);
  const message = errorReason(error);
  if (code === 'ECONNREFUSED') return 'refuses the connection';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'cannot be found (no such host)';
  if (/WRONGPASS|NOAUTH|NOPERM/.test(message)) return 'refuses the credentials in REDIS_URL';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code ?? ''))
    return 'has a certificate that is not trusted (set NODE_EXTRA_CA_CERTS)';
  if (/DB index/.test(message)) return 'has no such database';
  if (/ETIMEDOUT|timed out/i.test(message)) return 'does not answer';
  return `cannot be used (${message})`;
}
