/** Connections to Redis, and the wait for it while it is unavailable. */
import { Cluster, Redis } from 'ioredis';
import { sleep, unlessAborted, withTimeLimit } from './async.ts';
import { StartupError } from './errors.ts';
import { createLogger, type Logger } from './log.ts';
import {
  type ClientHooks,
  COMMAND_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  type ConnectionKind,
  createClient,
  type RedisClient,
} from './redis-client.ts';
import { tlsHandshakeError } from './redis-connector.ts';
import {
  CLOSED,
  describeFault,
  type Fault,
  isForbidden,
  NOT_READY,
  ReadOnlyReplica,
  SilentConnection,
} from './redis-fault.ts';
import { type OutageLog, outageLog } from './redis-outage.ts';
import { giveUpSilent, SILENCE, type Silence } from './redis-silence.ts';
import { type RedisAddress, readRedisUrl, redactedUrl } from './redis-url.ts';

export type { RedisClient } from './redis-client.ts';

/** Limit for one whole attempt to connect, ms. */
const ATTEMPT_TIMEOUT_MS = CONNECT_TIMEOUT_MS + COMMAND_TIMEOUT_MS;

export interface ConnectOptions {
  /** Ends the wait for Redis. */
  signal?: AbortSignal;
  /** Shared by the connections of one app, so that it logs an outage once. */
  outages?: OutageLog;
  /** Further checks of a new connection, before anybody uses it. A StartupError ends the wait; other errors prolong it. */
  verify?(redis: RedisClient): Promise<void>;
  /** For tests. */
  silence?: Silence;
}

/**
 * Connects to Redis, and waits for it if it is unavailable. It logs `redis.down` once, tries again with a growing pause,
 * and logs `redis.up` when Redis answers. Later outages are logged in the same way. A connection that is silent for about
 * 20 s is given up and made again.
 *
 * @param url as {@link readRedisUrl} reads it
 * @throws StartupError with one sentence for a fault that waiting cannot cure, such as a wrong password
 * @throws the reason of the signal if it aborts
 */
export async function connectRedis(
  url: string,
  kind: ConnectionKind,
  log: Logger,
  options: ConnectOptions = {},
): Promise<RedisClient> {
  const { signal = new AbortController().signal, outages = outageLog(log), verify, silence = SILENCE } = options;
  const waiting = {};
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const result = await tryToConnect(url, kind, signal, verify);
    if ('redis' in result) {
      outages.up(waiting);
      return keepConnected(result, outages, silence);
    }
    if (!result.fault.mayPass) throw startupError(url, result);
    if (attempt === 1) {
      const { reason } = result.fault;
      outages.down(waiting, result.fault, `Redis at ${redactedUrl(url)} ${reason}, waiting`);
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
  if ('redis' in result) return keepConnected(result, outageLog(log), SILENCE);
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

interface Connected {
  redis: RedisClient;
  hooks: ClientHooks;
}

interface Failed {
  fault: Fault;
  error: unknown;
}

function startupError(url: string, { fault, error }: Failed): StartupError {
  const sentence = `Redis at ${redactedUrl(url)} ${fault.reason}. ${fault.remedy}`;
  return new StartupError(sentence, { cause: error });
}

async function tryToConnect(
  url: string,
  kind: ConnectionKind,
  signal: AbortSignal,
  verify: ConnectOptions['verify'] = async () => undefined,
): Promise<Connected | Failed> {
  const address = readRedisUrl(url);
  const hooks: ClientHooks = { lastError: undefined, onReplica: () => undefined };
  const redis = createClient(address, kind, hooks);
  const errors: Error[] = [];
  const remember = (error: Error) => errors.unshift(error);
  redis.on('error', remember);
  // A cluster that is not ready ends its connection, but its connect() never settles.
  const ended = new Promise<never>((_resolve, reject) => {
    redis.once('end', () => reject(new Error(NOT_READY)));
  });
  const opened = Promise.race([openAndVerify(redis).then(() => verify(redis)), ended]);
  try {
    const { inTime } = await unlessAborted(() => withTimeLimit(opened, ATTEMPT_TIMEOUT_MS), signal);
    if (!inTime) throw new Error('timed out');
  } catch (error) {
    redis.disconnect();
    signal.throwIfAborted();
    if (error instanceof StartupError) throw error;
    const hidden = hooks.lastError ?? (await sentinelTlsError(address));
    return failure([...errors, ...(hidden ? [hidden] : []), error]);
  }
  redis.off('error', remember);
  return { redis, hooks };
}

/**
 * The error that says most: one that only a person can correct, otherwise the last one that ioredis reported. Its promise
 * rejects with "Connection is closed"; the error events have the reason.
 */
function failure(errors: unknown[]): Failed {
  const described = errors.map((error) => ({ error, fault: describeFault(error) }));
  const [first] = described;
  return (
    described.find(({ fault }) => !fault.mayPass) ?? first ?? { error: undefined, fault: describeFault(undefined) }
  );
}

/** If a Sentinel cannot be used, ioredis keeps only a message, and the code of a TLS error is lost. */
async function sentinelTlsError({ kind, tls, nodes }: RedisAddress): Promise<Error | undefined> {
  if (kind !== 'sentinel' || !tls) return undefined;
  const hosts = nodes.map(({ host }) => host);
  const errors = await Promise.all(nodes.map((node) => tlsHandshakeError(node, hosts, CONNECT_TIMEOUT_MS)));
  return errors.find((error) => error !== undefined);
}

async function openAndVerify(redis: RedisClient): Promise<void> {
  await redis.connect();
  await redis.ping();
  if (redis instanceof Redis && redis.options.db) {
    // ioredis ignores a database that does not exist, and would continue in database 0.
    await redis.select(redis.options.db);
  }
  const info = await redis.info('replication').catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  const options = redis instanceof Cluster ? redis.options.redisOptions : redis.options;
  if (info === undefined) {
    // BullMQ reads INFO, and fails without it, unless this option of its own is set.
    Object.assign(options ?? {}, { skipVersionCheck: true });
    return;
  }
  if (redis instanceof Cluster) return;
  redis.options.enableReadyCheck = true;
  // During a fail-over the address may still lead to the old master, which is then a replica.
  if (/^role:slave/m.test(info) && /^slave_read_only:1/m.test(info)) throw new ReadOnlyReplica();
}

/** Lets ioredis reconnect for ever. Until a client has connected once, ioredis does not retry: {@link connectRedis} does. */
function keepConnected({ redis, hooks }: Connected, outages: OutageLog, silence: Silence): RedisClient {
  if (redis instanceof Redis) Object.assign(redis.options, { retryStrategy: backoff, sentinelRetryStrategy: backoff });
  else redis.options.clusterRetryStrategy = backoff;
  hooks.onReplica = () => outages.reconnectAll(describeFault(new ReadOnlyReplica()));
  return observe(redis);

  /** Logs the outages of a client, and gives up its silent connections. */
  function observe<Client extends RedisClient>(client: Client): Client {
    logOutages(client, outages, hooks);
    const watcher = {
      onOverdue: () => outages.overdue(client),
      onAnswer: () => outages.up(client),
      onSilent: () => {
        hooks.lastError = new SilentConnection((silence.checkMs * silence.checks) / 1_000);
        outages.down(client, describeFault(hooks.lastError));
      },
    };
    if (client instanceof Redis) {
      giveUpSilent(client, watcher, silence);
      // A BullMQ worker duplicates its connection and waits for jobs on the copy.
      const duplicate = client.duplicate.bind(client);
      client.duplicate = (...args) => observe(duplicate(...args));
    } else if (client instanceof Cluster) {
      const observeNode = (node: Redis) => {
        giveUpSilent(node, watcher, silence);
        node.on('ready', () => outages.up(client));
      };
      client.nodes().forEach(observeNode);
      client.on('+node', observeNode);
      const duplicate = client.duplicate.bind(client);
      client.duplicate = (...args) => observe(duplicate(...args));
    }
    return client;
  }
}

/** The pause before the next attempt, ms: 200, 400, … 3,000. */
function backoff(attempt: number): number {
  return Math.min(100 * 2 ** Math.min(attempt, 6), 3_000);
}

/** Closes a connection, also if Redis is unavailable. */
export async function closeRedis(redis: RedisClient): Promise<void> {
  // With commands in its offline queue, `quit` would wait until Redis is back.
  if (redis.status === 'ready') await redis.quit().catch(() => undefined);
  redis.disconnect();
}

function logOutages(redis: RedisClient, outages: OutageLog, hooks: ClientHooks): void {
  redis.on('error', (error: Error) => outages.down(redis, describeFault(error)));
  // The only event of a cluster that lost all its nodes. A connection that we close ourselves does not emit it.
  redis.on('reconnecting', () => outages.down(redis, hooks.lastError ? describeFault(hooks.lastError) : CLOSED));
  const onReady = () => {
    hooks.lastError = undefined;
    if (redis instanceof Redis) outages.add(redis, () => redis.status === 'ready' && redis.disconnect(true));
    outages.up(redis);
  };
  redis.on('ready', onReady);
  if (redis.status === 'ready') onReady();
  redis.on('end', () => outages.closed(redis));
}
