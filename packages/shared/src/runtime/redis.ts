/** Connections to Redis: how an app waits for it, and which errors mean that it is unavailable. */
import { Cluster, Redis } from 'ioredis';
import { sleep, unlessAborted, withTimeLimit } from './async.ts';
import { errorCode, errorReason, StartupError } from './errors.ts';
import { createLogger, type Logger } from './log.ts';
import { logEvent } from './log-events.ts';
import { type RedisAddress, readRedisUrl, redactedUrl } from './redis-url.ts';

/** Limit for opening one TCP or TLS connection, ms. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A healthy Redis answers each of our commands sooner, ms. */
const COMMAND_TIMEOUT_MS = 10_000;
/** Limit for one whole attempt to connect, ms. */
const ATTEMPT_TIMEOUT_MS = CONNECT_TIMEOUT_MS + COMMAND_TIMEOUT_MS;

/** One Redis, found directly or through Sentinels, or a cluster. */
export type RedisClient = Redis | Cluster;

/**
 * `producer` connections reject commands at once while Redis is unavailable. `worker` connections keep commands until
 * Redis is back, which BullMQ's workers need.
 */
type ConnectionKind = 'producer' | 'worker';

/**
 * Connects to Redis, and waits for it if it is unavailable. It logs `redis.down` once, tries again with a growing pause,
 * and logs `redis.up` when Redis answers. Later outages are logged in the same way.
 *
 * @param url as {@link readRedisUrl} reads it
 * @param signal ends the wait
 * @throws StartupError with one sentence for a fault that waiting cannot cure, such as a wrong password
 * @throws the reason of the signal if it aborts
 */
export async function connectRedis(
  url: string,
  kind: ConnectionKind,
  log: Logger,
  signal: AbortSignal = new AbortController().signal,
): Promise<RedisClient> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const result = await tryToConnect(url, kind, signal);
    if ('redis' in result) {
      if (attempt > 1) logEvent(log, 'redis.up', {});
      return keepConnected(result.redis, log);
    }
    if (!result.fault.mayPass) throw startupError(url, result);
    if (attempt === 1) {
      const { reason } = result.fault;
      logEvent(log, 'redis.down', { reason }, `Redis at ${redactedUrl(url)} ${reason}, waiting`);
    }
    await sleep(backoff(attempt), signal);
  }
}

/**
 * Connects to Redis with one attempt, for commands that a person runs.
 *
 * @throws StartupError with one sentence if Redis is unavailable or refuses
 */
export async function connectRedisOnce(url: string, kind: ConnectionKind, log: Logger): Promise<RedisClient> {
  const result = await tryToConnect(url, kind, new AbortController().signal);
  if ('redis' in result) return keepConnected(result.redis, log);
  throw startupError(url, result);
}

/**
 * Checks with one attempt that Redis can be used.
 *
 * @throws StartupError with one sentence if it cannot
 */
export async function checkRedis(url: string): Promise<void> {
  const silent = createLogger('check', 'silent', process.stdout);
  await closeRedis(await connectRedisOnce(url, 'producer', silent));
}

interface Fault {
  /** A predicate for the subject "Redis at …". */
  reason: string;
  /** False if only a person can correct it. */
  mayPass: boolean;
}

interface Failed {
  fault: Fault;
  error: unknown;
}

function startupError(url: string, { fault, error }: Failed): StartupError {
  const sentence = `Redis at ${redactedUrl(url)} ${fault.reason}. Start it, or set REDIS_URL to one that runs.`;
  return new StartupError(sentence, { cause: error });
}

async function tryToConnect(
  url: string,
  kind: ConnectionKind,
  signal: AbortSignal,
): Promise<{ redis: RedisClient } | Failed> {
  const redis = createClient(readRedisUrl(url), kind);
  let lastError: Error | undefined;
  const remember = (error: Error) => {
    lastError = error;
  };
  redis.on('error', remember);
  // A cluster that is not ready ends its connection, but its connect() never settles.
  const ended = new Promise<never>((_resolve, reject) => {
    redis.once('end', () => reject(new Error(NOT_READY)));
  });
  const opened = Promise.race([openAndVerify(redis), ended]);
  try {
    const { inTime } = await unlessAborted(() => withTimeLimit(opened, ATTEMPT_TIMEOUT_MS), signal);
    if (!inTime) throw new Error('timed out');
  } catch (error) {
    redis.disconnect();
    signal.throwIfAborted();
    // The promise rejects with "Connection is closed"; the error event has the reason.
    const cause = lastError ?? error;
    return { fault: classify(cause), error: cause };
  }
  redis.off('error', remember);
  return { redis };
}

async function openAndVerify(redis: RedisClient): Promise<void> {
  await redis.connect();
  await redis.ping();
  if (redis instanceof Cluster) return;
  // ioredis ignores a database that does not exist, and would continue in database 0.
  await redis.select(redis.options.db ?? 0);
  // During a fail-over the address may still lead to the old master, which is then a replica.
  const replication = await redis.info('replication').catch(() => '');
  if (/^role:slave/m.test(replication) && /^slave_read_only:1/m.test(replication)) throw new Error(READ_ONLY);
}

/** Lets ioredis reconnect for ever. Until a client has connected once, ioredis does not retry: {@link connectRedis} does. */
function keepConnected(redis: RedisClient, log: Logger): RedisClient {
  if (redis instanceof Redis) Object.assign(redis.options, { retryStrategy: backoff, sentinelRetryStrategy: backoff });
  else redis.options.clusterRetryStrategy = backoff;
  logOutages(redis, log);
  return redis;
}

/** The pause before the next attempt, ms: 200, 400, … 3,000. */
function backoff(attempt: number): number {
  return Math.min(100 * 2 ** Math.min(attempt, 6), 3_000);
}

const doNotRetry = () => null;

function createClient(address: RedisAddress, kind: ConnectionKind): RedisClient {
  const { username, password, tls } = address;
  const common = { username, password, connectTimeout: CONNECT_TIMEOUT_MS, ...(tls && { tls: {} }) };
  const waits = kind === 'worker';
  const options = waits ? common : { ...common, commandTimeout: COMMAND_TIMEOUT_MS };
  if (address.kind === 'cluster') {
    return new Cluster(address.nodes, {
      redisOptions: options,
      lazyConnect: true,
      enableOfflineQueue: waits,
      clusterRetryStrategy: doNotRetry,
    });
  }
  const [node] = address.nodes;
  const target =
    address.kind === 'sentinel'
      ? {
          sentinels: address.nodes,
          name: address.name,
          failoverDetector: true,
          sentinelRetryStrategy: doNotRetry,
          ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        }
      : { ...node };
  return new Redis({
    ...options,
    ...target,
    db: address.db,
    enableOfflineQueue: waits,
    maxRetriesPerRequest: waits ? null : 1,
    lazyConnect: true,
    retryStrategy: doNotRetry,
  });
}

/** Closes a connection, also if Redis is unavailable. */
export async function closeRedis(redis: RedisClient): Promise<void> {
  // With commands in its offline queue, `quit` would wait until Redis is back.
  if (redis.status === 'ready') await redis.quit().catch(() => undefined);
  redis.disconnect();
}

/** Logs one line at the start and one at the end of an outage, however many attempts there are in between. */
function logOutages(redis: RedisClient, log: Logger): void {
  let down = false;
  const onDown = (reason: string) => {
    if (!down) logEvent(log, 'redis.down', { reason });
    down = true;
  };
  redis.on('error', (error: Error) => onDown(error.message));
  // The only event of a cluster that lost all its nodes. A connection that we close ourselves does not emit it.
  redis.on('reconnecting', () => onDown('the connection was lost'));
  redis.on('ready', () => {
    if (down) logEvent(log, 'redis.up', {});
    down = false;
  });
}

const UNAVAILABLE =
  /isn't writeable|isn't ready|Connection is closed|aborted due to connection close|max retries per request|Command timed out|Cluster redirections|startup nodes|All sentinels|^ReplyError: (?:READONLY|OOM|MISCONF|LOADING|CLUSTERDOWN|TRYAGAIN)/;

/** True if a command failed because Redis was unreachable, silent or not ready; false if the command itself was wrong. */
export function isRedisAway(error: unknown): boolean {
  return UNAVAILABLE.test(String(error));
}

const NOT_READY = 'is not ready';
const READ_ONLY = 'READONLY replica';
const NO_NODE = /All sentinels|startup nodes|slots cache|is not ready/;

const permanent = (reason: string): Fault => ({ reason, mayPass: false });
const passing = (reason: string): Fault => ({ reason, mayPass: true });

function classify(error: unknown): Fault {
  const code = errorCode(error) ?? '';
  const message = fullMessage(error);
  if (/WRONGPASS|NOAUTH|NOPERM/.test(message)) return permanent('refuses the credentials in REDIS_URL');
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|certificate/.test(`${code} ${message}`))
    return permanent('has a certificate that is not trusted (set NODE_EXTRA_CA_CERTS)');
  if (/DB index/.test(message)) return permanent('has no such database');
  if (/RESP type|Protocol error|EPROTO|ERR_SSL/.test(`${code} ${message}`))
    return permanent(`does not speak the protocol of REDIS_URL (${message})`);
  if (NO_NODE.test(message)) return passing('has no node that is ready');
  if (code === 'ECONNREFUSED') return passing('refuses the connection');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return passing('cannot be found (no such host)');
  if (message === READ_ONLY) return passing('is a read-only replica');
  if (/ETIMEDOUT|timed out/i.test(`${code} ${message}`)) return passing('does not answer');
  return passing(`cannot be used (${errorReason(error)})`);
}

/** The message, and for a cluster also the error of the node that was asked last. */
function fullMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const node = 'lastNodeError' in error ? error.lastNodeError : undefined;
  return node instanceof Error ? `${error.message} ${node.message}` : error.message;
}
