/** Each kind of error that means "Redis is unavailable", provoked with a real Redis and the real client. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { describe, expect } from 'vitest';
import { endBeforeCleanup, eventually, ownServer, test } from '../../../../test/support/fixtures.ts';
import { type RedisProcess, redisProcess } from '../../../../test/support/redis-process.ts';
import { isRedisAway } from '../../src/runtime/redis-fault.ts';

type Option =
  | 'commandTimeout'
  | 'enableOfflineQueue'
  | 'lazyConnect'
  | 'maxRetriesPerRequest'
  | 'name'
  | 'retryStrategy'
  | 'sentinels'
  | 'sentinelRetryStrategy';

function client(port: number, options: Partial<Pick<RedisOptions, Option>> = {}): Redis {
  const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: null, ...options });
  redis.on('error', () => undefined);
  endBeforeCleanup(async () => redis.disconnect());
  return redis;
}

function cluster(port: number, options: ConstructorParameters<typeof Cluster>[1] = {}): Cluster {
  const redis = new Cluster([{ host: '127.0.0.1', port }], { lazyConnect: true, ...options });
  redis.on('error', () => undefined);
  endBeforeCleanup(async () => redis.disconnect());
  return redis;
}

async function clusterNode(folder: string): Promise<{ node: RedisProcess; direct: Redis }> {
  const node = await ownServer(
    redisProcess(folder, ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']),
  );
  return { node, direct: client(node.port) };
}

async function ownAllSlots(direct: Redis): Promise<void> {
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => String(await direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
}

/** The error of a command that must fail. */
async function failure(command: Promise<unknown>): Promise<Error> {
  try {
    await command;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('the command did not fail');
}

async function expectUnavailable(command: Promise<unknown>, message: string): Promise<void> {
  const error = await failure(command);
  expect(String(error)).toContain(message);
  expect(isRedisAway(error)).toBe(true);
}

describe('Redis is unavailable', () => {
  test('if a producer has no connection', async ({ folder }) => {
    const server = await ownServer(redisProcess(folder));
    const redis = client(server.port, { enableOfflineQueue: false, lazyConnect: true, retryStrategy: () => 60_000 });
    await redis.connect();
    const closed = new Promise((resolve) => redis.once('reconnecting', resolve));
    await server.kill('SIGKILL');
    await closed;
    await expectUnavailable(redis.get('a'), "Stream isn't writeable");
  });

  test('if a cluster has no ready node', async () => {
    const redis = cluster(1, { enableOfflineQueue: false });
    redis.connect().catch(() => undefined);
    await expectUnavailable(redis.get('a'), "Cluster isn't ready");
  });

  test('if the connection was closed', async ({ ns }) => {
    const redis = new Redis(ns.redisUrl, { retryStrategy: null });
    const blocked = redis.blpop('never-filled', 0);
    redis.once('ready', () => redis.disconnect());
    await expectUnavailable(blocked, 'Connection is closed');
    await expectUnavailable(redis.get('a'), 'Connection is closed');
  });

  test('if the connection closed in the middle of a pipeline', async ({ folder }) => {
    const server = await ownServer(redisProcess(folder));
    const redis = client(server.port);
    await redis.ping();
    const before = redis.stream.bytesRead;
    const results = redis.pipeline().get('a').blpop('never-filled', 0).get('a').exec();
    // An answer that Redis has sent may be lost with the connection, so wait until it was read.
    await eventually(() => redis.stream.bytesRead > before);
    await server.kill('SIGKILL');
    const [first, second] = (await results) ?? [];
    expect(first?.[0]).toBeNull();
    expect(String(second?.[0])).toContain('aborted due to connection close');
    expect(isRedisAway(second?.[0])).toBe(true);
  });

  test('if a command ran out of retries', async ({ folder }) => {
    const server = await ownServer(redisProcess(folder));
    const redis = client(server.port, { maxRetriesPerRequest: 1, retryStrategy: () => 1 });
    const blocked = failure(redis.blpop('never-filled', 0));
    const other = client(server.port);
    await eventually(async () => (await other.info('clients')).includes('blocked_clients:1'));
    await server.kill('SIGKILL');
    await expectUnavailable(Promise.reject(await blocked), 'max retries per request');
  });

  test('if Redis does not answer in time', async ({ folder }) => {
    const server = await ownServer(redisProcess(folder));
    const redis = client(server.port, { commandTimeout: 200 });
    await redis.ping();
    process.kill(server.pid(), 'SIGSTOP');
    await expectUnavailable(redis.get('a'), 'Command timed out');
  });

  test('if no startup node of a cluster answers', async () => {
    await expectUnavailable(cluster(1, { clusterRetryStrategy: () => null }).connect(), 'None of startup nodes');
  });

  test('if no Sentinel answers', async () => {
    const redis = client(0, {
      sentinels: [{ host: '127.0.0.1', port: 1 }],
      name: 'mymaster',
      sentinelRetryStrategy: () => null,
      lazyConnect: true,
    });
    await expectUnavailable(redis.connect(), 'All sentinels are unreachable');
  });

  test('if it is a replica', async ({ folder }) => {
    const redis = client((await ownServer(redisProcess(folder))).port);
    await redis.replicaof('127.0.0.1', 1);
    await expectUnavailable(redis.set('a', 'b'), 'ReplyError: READONLY');
  });

  test('if its memory is full', async ({ folder }) => {
    const redis = client((await ownServer(redisProcess(folder))).port);
    await redis.config('SET', 'maxmemory', '1');
    await expectUnavailable(redis.set('a', 'b'), 'ReplyError: OOM');
  });

  test('if it cannot write to disk', async ({ folder }) => {
    const redis = client((await ownServer(redisProcess(folder))).port);
    // A folder with the name of the snapshot: the snapshot cannot take its place.
    mkdirSync(join(folder, 'dump.rdb', 'full'), { recursive: true });
    await redis.config('SET', 'save', '3600 1');
    await redis.bgsave();
    await eventually(async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err'));
    await expectUnavailable(redis.set('a', 'b'), 'ReplyError: MISCONF');
  });

  test('if it still loads its data', async ({ folder }) => {
    const { port } = await ownServer(redisProcess(folder, ['--enable-debug-command', 'yes']));
    const [redis, other] = [client(port), client(port)];
    await Promise.all([redis.ping(), other.ping()]);
    await other.config('SET', 'key-load-delay', '50000', 'loading-process-events-interval-bytes', '1024');
    for (let i = 0; i < 30; i++) await other.set(`key-${i}`, 'x'.repeat(4_096));
    const reloaded = other.call('DEBUG', 'RELOAD');
    const loading = await eventually(() =>
      redis.get('a').then(
        () => false,
        (error: unknown) => error,
      ),
    );
    await expectUnavailable(Promise.reject(loading), 'ReplyError: LOADING');
    await reloaded;
  });

  test('if a cluster node serves no slot', async ({ folder }) => {
    const { direct } = await clusterNode(folder);
    await expectUnavailable(direct.get('a'), 'ReplyError: CLUSTERDOWN');
  });

  test('if a cluster loses its slots', async ({ folder }) => {
    const { node, direct } = await clusterNode(folder);
    await ownAllSlots(direct);
    const redis = cluster(node.port, { maxRedirections: 0 });
    await redis.connect();
    await redis.get('a');
    await direct.call('CLUSTER', 'FLUSHSLOTS');
    await expectUnavailable(redis.get('a'), 'Too many Cluster redirections');
  });

  test('if a cluster moves the slot of several keys', async ({ folder }) => {
    const from = await clusterNode(join(folder, 'from'));
    const to = await clusterNode(join(folder, 'to'));
    await ownAllSlots(from.direct);
    await to.direct.call('CLUSTER', 'MEET', '127.0.0.1', String(from.node.port));
    const fromId = String(await from.direct.call('CLUSTER', 'MYID'));
    const slot = String(await to.direct.call('CLUSTER', 'KEYSLOT', '{a}1'));
    await eventually(async () => String(await to.direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    await to.direct.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await to.direct.asking();
    await expectUnavailable(to.direct.mget('{a}1', '{a}2'), 'ReplyError: TRYAGAIN');
  });
});

describe('Redis is available', () => {
  test('if it refuses the command itself', async ({ ns }) => {
    expect(isRedisAway(await failure(ns.redis.call('NOSUCHCOMMAND')))).toBe(false);
    await ns.redis.set(`${ns.prefix}:text`, 'text');
    expect(isRedisAway(await failure(ns.redis.lpush(`${ns.prefix}:text`, 'a')))).toBe(false);
  });
});
