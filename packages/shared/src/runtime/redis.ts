/** Connections to Redis, and what a person is told when there is none. */
import { Cluster, Redis } from 'ioredis';
import { errorCode, errorReason, StartupError } from './errors.ts';
import type { Logger } from './log.ts';
import { type RedisAddress, readRedisUrl, redactedUrl } from './redis-url.ts';

/** Time for the first connection, ms. */
const CONNECT_TIMEOUT_MS = 5_000;
/** No command of ours takes this long on a Redis that is well, ms. */
const COMMAND_TIMEOUT_MS = 10_000;

/** One Redis, whether found directly or through Sentinels, or a cluster. */
export type RedisClient = Redis | Cluster;

/**
 * Connects, and waits until Redis answers.
 *
 * `producer` connections reject at once while Redis is away; `worker` connections wait for it, which BullMQ's
 * workers need.
 *
 * @param url as {@link readRedisUrl} reads it
 * @throws StartupError with one sentence where Redis cannot be reached or refuses
 */
export async function connectRedis(url: string, kind: 'producer' | 'worker', log: Logger): Promise<RedisClient> {
  const redis = client(readRedisUrl(url), kind);
  let lastError: Error | undefined;
  const keep = (error: Error) => {
    lastError = error;
  };
  redis.on('error', keep);
  // A cluster that is not ready ends its connection, and leaves the promise of it open.
  const ended = new Promise<never>((_resolve, reject) => {
    redis.once('end', () => reject(new Error('is not ready')));
  });
  try {
    await Promise.race([redis.connect(), ended]);
    await redis.ping();
    // A database that does not exist is no error to ioredis: it would go on in database 0.
    if (redis instanceof Redis) await redis.select(redis.options.db ?? 0);
  } catch (error) {
    redis.disconnect();
    throw new StartupError(
      `Redis at ${redactedUrl(url)} ${reason(lastError ?? error)}. Start it, or set REDIS_URL to one that runs.`,
      { cause: lastError ?? error },
    );
  }
  // At start one try is enough to say that there is none; from now on it comes back.
  if (redis instanceof Redis) Object.assign(redis.options, { retryStrategy: backoff, sentinelRetryStrategy: backoff });
  else redis.options.clusterRetryStrategy = backoff;
  redis.off('error', keep);
  reportOutages(redis, log);
  return redis;
}

function backoff(times: number): number {
  return Math.min(100 * 2 ** Math.min(times, 6), 3_000);
}

const once = () => null;

function client(address: RedisAddress, kind: 'producer' | 'worker'): RedisClient {
  const { username, password, tls } = address;
  const common = { username, password, connectTimeout: CONNECT_TIMEOUT_MS, ...(tls && { tls: {} }) };
  const waits = kind === 'worker';
  const options = waits ? common : { ...common, commandTimeout: COMMAND_TIMEOUT_MS };
  if (address.kind === 'cluster') {
    return new Cluster(address.nodes, {
      redisOptions: options,
      lazyConnect: true,
      enableOfflineQueue: waits,
      clusterRetryStrategy: once,
    });
  }
  const [node] = address.nodes;
  const where =
    address.kind === 'sentinel'
      ? {
          sentinels: address.nodes,
          name: address.name,
          failoverDetector: true,
          sentinelRetryStrategy: once,
          ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        }
      : { ...node };
  return new Redis({
    ...options,
    ...where,
    db: address.db,
    enableOfflineQueue: waits,
    maxRetriesPerRequest: waits ? null : 1,
    lazyConnect: true,
    retryStrategy: once,
  });
}

/** Closes a connection, whether or not Redis is there to say goodbye to. */
export async function closeRedis(redis: RedisClient): Promise<void> {
  // With commands in its offline queue, `quit` would wait for Redis to come back.
  if (redis.status === 'ready') await redis.quit().catch(() => undefined);
  redis.disconnect();
}

/** One line when Redis goes away and one when it is back, however often the connection is tried in between. */
function reportOutages(redis: RedisClient, log: Logger): void {
  let down = false;
  const away = (why: string) => {
    if (!down) log.error({ reason: why }, 'Redis is away; work waits until it is back');
    down = true;
  };
  redis.on('error', (error: Error) => away(error.message));
  // A cluster says nothing else when it has lost all its nodes, and has another status where we left it ourselves.
  redis.on('reconnecting', () => away('the connection was lost'));
  redis.on('ready', () => {
    if (down) log.info('Redis is back');
    down = false;
  });
}

const AWAY =
  /isn't writeable|isn't ready|Connection is closed|max retries per request|Command timed out|Cluster redirections|startup nodes|All sentinels|^ReplyError: (?:READONLY|OOM|MISCONF|LOADING|CLUSTERDOWN|TRYAGAIN)/;

/** Whether a command failed because Redis could not be reached or did not answer, rather than for what it asked. */
export function isRedisAway(error: unknown): boolean {
  return AWAY.test(String(error));
}

function reason(error: unknown): string {
  const code = errorCode(error);
  const message = errorReason(error);
  if (/All sentinels|startup nodes|slots cache|is not ready/.test(message)) return 'has no node that is ready';
  if (code === 'ECONNREFUSED') return 'refuses the connection';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'cannot be found (no such host)';
  if (/WRONGPASS|NOAUTH|NOPERM/.test(message)) return 'refuses the credentials in REDIS_URL';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code ?? ''))
    return 'has a certificate that is not trusted (set NODE_EXTRA_CA_CERTS)';
  if (/DB index/.test(message)) return 'has no such database';
  if (/ETIMEDOUT|timed out/i.test(message)) return 'does not answer';
  return `cannot be used (${message})`;
}
