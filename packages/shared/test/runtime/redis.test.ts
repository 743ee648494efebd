import { randomUUID } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { startRedis } from '../../../../apps/cli/src/private-redis.ts';
import { endBeforeCleanup, test } from '../../../../test/support/fixtures.ts';
import { redisProcess } from '../../../../test/support/redis-process.ts';
import { connectRedis } from '../../src/runtime/redis.ts';
import { redisKeys } from '../../src/store/keys.ts';
import { recordDataLoss, redisCompleteSince, unsafeSettings } from '../../src/store/redis-state.ts';
import { beginDelivery } from '../../src/store/wake-record.ts';

test('a Redis that is not there is one sentence that says what to do', async ({ log }) => {
  await expect(connectRedis('redis://127.0.0.1:1', 'producer', log.logger)).rejects.toThrow(
    'Redis at redis://127.0.0.1:1 refuses the connection. Start it, or set REDIS_URL to one that runs.',
  );
});

test('a cluster that is not ready, and Sentinels that are not there, are one sentence each', async ({
  folder,
  log,
}) => {
  const node = await redisProcess(folder, ['--cluster-enabled', 'yes']);
  endBeforeCleanup(() => node.kill('SIGKILL'));
  for (const url of [`redis-cluster://127.0.0.1:${node.port}`, 'redis-sentinel://127.0.0.1:1/0#mymaster']) {
    await expect(connectRedis(url, 'producer', log.logger)).rejects.toThrow(
      `Redis at ${url} has no node that is ready. Start it, or set REDIS_URL to one that runs.`,
    );
  }
});

test('rediss-sentinel:// speaks TLS to the Sentinels, and sends them no word in clear', async ({ log }) => {
  const heard = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      heard.resolve(bytes);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `rediss-sentinel://user:SECRETPW@127.0.0.1:${port}/0#mymaster`;
  await expect(connectRedis(url, 'producer', log.logger)).rejects.toThrow('has no node that is ready');
  // A record of TLS, of the kind that begins a connection.
  expect([...(await heard.promise).subarray(0, 2)]).toEqual([0x16, 0x03]);
});

test('a Redis that refuses the password is one sentence, without the password', async ({ ns, log }) => {
  const user = `u${randomUUID().slice(0, 8)}`;
  await ns.redis.acl('SETUSER', user, 'on', '>right', '+@all', '~*');
  const { host } = new URL(ns.redisUrl);
  await expect(connectRedis(`redis://${user}:hunter2@${host}`, 'worker', log.logger)).rejects.toThrow(
    `Redis at redis://${user}:***@${host} refuses the credentials in REDIS_URL. Start it, or set REDIS_URL to one that runs.`,
  );
  await ns.redis.acl('DELUSER', user);
});

test('a database that Redis does not have is one sentence', async ({ ns, log }) => {
  await expect(connectRedis(`${ns.redisUrl}/999`, 'producer', log.logger)).rejects.toThrow('has no such database');
});

test('a producer hears at once that Redis is away, and the log says so once', async ({ ns, log }) => {
  const redis = await connectRedis(ns.redisUrl, 'producer', log.logger);
  // The same connection, to nowhere and back.
  Object.assign(redis.options, { port: 1 });
  redis.disconnect(true);
  await log.until('Redis is away');
  await expect(redis.ping()).rejects.toThrow(/writeable|closed|retries/);
  Object.assign(redis.options, { port: Number(new URL(ns.redisUrl).port) });
  await log.until('Redis is back');
  expect(log.lines.filter(({ msg }) => msg.includes('away'))).toHaveLength(1);
  await redis.quit();
});

test('a Redis that may lose or evict jobs is told of, one that is safe is not', async ({ ns, folder }) => {
  expect(await unsafeSettings(ns.redis, ns.keys)).toEqual([]);
  const own = await startRedis(folder, 0);
  onTestFinished(() => own.stop());
  const redis = new Redis(own.url);
  await redis.config('SET', 'appendonly', 'no', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
  expect(await unsafeSettings(redis, redisKeys('{other}'))).toEqual([
    expect.stringContaining('maxmemory-policy noeviction'),
    expect.stringContaining('appendonly yes'),
  ]);
  await redis.quit();
});

test('a Redis knows all since it started; another in its place, since it was met', async ({ folder, log }) => {
  const before = Date.now();
  const server = await redisProcess(folder);
  endBeforeCleanup(() => server.kill('SIGKILL'));
  const redis = await connectRedis(`redis://127.0.0.1:${server.port}`, 'worker', log.logger);
  onTestFinished(() => redis.disconnect());
  const since = redisCompleteSince(redis, redisKeys('{other}'));
  const first = await since();
  // Redis tells whole seconds of its uptime.
  expect(first).toBeGreaterThan(before - 1_000);
  expect(first).toBeLessThanOrEqual(Date.now() + 1_000);
  expect(await since()).toBe(first);
  await server.kill('SIGKILL');
  const gone = Date.now();
  await server.start();
  const second = await since();
  expect(second).toBeGreaterThanOrEqual(gone);
  expect(await since()).toBe(second);
});

test('a delivery that begins is told when Redis was last found emptied, and by which clock', async ({ ns }) => {
  const begin = () => beginDelivery(ns.redis, ns.keys, 'w-1', 1_000);
  expect(await begin()).toMatchObject({ dataLostAt: 0, earlier: undefined, ended: undefined });
  await recordDataLoss(ns.redis, ns.keys);
  const { dataLostAt, clock, earlier } = await begin();
  expect(dataLostAt).toBe(Number(await ns.redis.get(ns.keys.dataLostAt)));
  expect(clock - dataLostAt).toBeGreaterThanOrEqual(0);
  expect(clock - dataLostAt).toBeLessThan(5_000);
  expect(earlier).toEqual({ claimedAt: 1_000, firstClaimedAt: 1_000 });
});
