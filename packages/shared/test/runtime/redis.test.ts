import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { startRedis } from '../../../../apps/cli/src/private-redis.ts';
import { ownServer, test, testLog } from '../../../../test/support/fixtures.ts';
import { redisProcess } from '../../../../test/support/redis-process.ts';
import { checkRedis, connectRedis, connectRedisOnce } from '../../src/runtime/redis.ts';
import { redisKeys } from '../../src/store/keys.ts';
import { recordDataLoss, redisCompleteSince, unsafeSettings } from '../../src/store/redis-state.ts';
import { beginDelivery } from '../../src/store/wake-record.ts';

describe('one attempt to connect', () => {
  test('to a Redis that refuses ends with one sentence and the remedy', async ({ log }) => {
    const sentence =
      'Redis at redis://127.0.0.1:1 refuses the connection. Start it, or set REDIS_URL to one that runs.';
    await expect(connectRedisOnce('redis://127.0.0.1:1', 'producer', log.logger)).rejects.toThrow(sentence);
    await expect(checkRedis('redis://127.0.0.1:1')).rejects.toThrow(sentence);
  });

  test('to a cluster that is not ready, or to Sentinels that are down, is one sentence', async ({ folder, log }) => {
    const node = await ownServer(redisProcess(folder, ['--cluster-enabled', 'yes']));
    for (const url of [`redis-cluster://127.0.0.1:${node.port}`, 'redis-sentinel://127.0.0.1:1/0#mymaster']) {
      await expect(connectRedisOnce(url, 'producer', log.logger)).rejects.toThrow(
        `Redis at ${url} has no node that is ready. Start it, or set REDIS_URL to one that runs.`,
      );
    }
  });

  test('to a Redis that works leaves nothing open', async ({ ns }) => {
    await checkRedis(ns.redisUrl);
  });
});

describe('an app that starts while Redis is unavailable', () => {
  test.each(['producer', 'worker'] as const)('waits for it as a %s, and logs that once', async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'kora-wake-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const server = await redisProcess(folder);
    onTestFinished(() => server.kill('SIGKILL'));
    await server.kill('SIGKILL');
    const log = testLog();
    const url = `redis://127.0.0.1:${server.port}`;
    const connecting = connectRedis(url, kind, log.logger);
    expect(await log.until('redis.down')).toMatchObject({
      level: 50,
      msg: `Redis at ${url} refuses the connection, waiting`,
    });
    // Three attempts: 0, 200 and 600 ms after the start.
    await new Promise((resolve) => setTimeout(resolve, 700));
    await server.start();
    const redis = await connecting;
    onTestFinished(() => redis.disconnect());
    expect(await redis.ping()).toBe('PONG');
    expect(log.lines.map(({ event }) => event)).toEqual(['redis.down', 'redis.up']);
  });

  test.each([
    ['whose host is unknown', 'redis://no-such-host.invalid', 'cannot be found (no such host)'],
    ['with Sentinels that are down', 'redis-sentinel://127.0.0.1:1/0#mymaster', 'has no node that is ready'],
    ['with a cluster that is down', 'redis-cluster://127.0.0.1:1', 'has no node that is ready'],
  ])('waits for one %s, until it has to stop', async (_name, url, reason) => {
    const log = testLog();
    const stop = new AbortController();
    const connecting = connectRedis(url, 'worker', log.logger, { signal: stop.signal });
    expect(await log.until('redis.down')).toMatchObject({ reason });
    stop.abort(new Error('stopping'));
    await expect(connecting).rejects.toThrow('stopping');
  });

  test('waits for a cluster that gets its slots later', async ({ folder, log }) => {
    const node = await ownServer(
      redisProcess(folder, ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']),
    );
    const connecting = connectRedis(`redis-cluster://127.0.0.1:${node.port}`, 'producer', log.logger);
    await log.until('redis.down');
    const direct = new Redis(node.port, '127.0.0.1');
    onTestFinished(() => direct.disconnect());
    await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const redis = await connecting;
    onTestFinished(() => redis.disconnect());
    expect(await redis.set('a', 'b')).toBe('OK');
  });

  test('waits for a replica to become the master', async ({ folder, log }) => {
    const server = await ownServer(redisProcess(folder));
    const direct = new Redis(server.port, '127.0.0.1');
    onTestFinished(() => direct.disconnect());
    await direct.replicaof('127.0.0.1', 1);
    const connecting = connectRedis(`redis://127.0.0.1:${server.port}`, 'producer', log.logger);
    expect(await log.until('redis.down')).toMatchObject({ reason: 'is a read-only replica' });
    await direct.replicaof('NO', 'ONE');
    const redis = await connecting;
    onTestFinished(() => redis.disconnect());
    expect(await redis.set('a', 'b')).toBe('OK');
  });

  test('leaves one that became a replica without a warning, however many commands were on their way', async ({
    folder,
    log,
  }) => {
    const server = await ownServer(redisProcess(folder));
    const direct = new Redis(server.port, '127.0.0.1');
    onTestFinished(() => direct.disconnect());
    const redis = await connectRedis(`redis://127.0.0.1:${server.port}`, 'producer', log.logger);
    onTestFinished(() => redis.disconnect());
    const warnings: Error[] = [];
    const keep = (warning: Error) => warnings.push(warning);
    process.on('warning', keep);
    onTestFinished(() => void process.off('warning', keep));
    await direct.replicaof('127.0.0.1', 1);
    const answers = await Promise.allSettled(Array.from({ length: 30 }, () => redis.set('a', 'b')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 'rejected'));
    await log.until('redis.down');
    expect(warnings).toEqual([]);
  });

  test('waits for one that accepts connections and does not answer, and can be stopped', async ({ log }) => {
    const port = await listening(() => undefined);
    const stop = new AbortController();
    const connecting = connectRedis(`redis://127.0.0.1:${port}`, 'worker', log.logger, { signal: stop.signal });
    stop.abort(new Error('stopping'));
    await expect(connecting).rejects.toThrow('stopping');
  });
});

/** A TCP server, closed with the test. @returns its port */
async function listening(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('a server that is not a Redis ends the wait at once', async ({ log }) => {
  const port = await listening((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  for (const scheme of ['redis', 'rediss']) {
    await expect(connectRedis(`${scheme}://127.0.0.1:${port}`, 'producer', log.logger)).rejects.toThrow(
      'does not speak the protocol of REDIS_URL',
    );
  }
});

test('rediss-sentinel:// uses TLS for the Sentinels too, and sends them nothing unencrypted', async ({ log }) => {
  const received = Promise.withResolvers<Buffer>();
  const port = await listening((socket) => {
    socket.once('data', (bytes) => {
      received.resolve(bytes);
      socket.destroy();
    });
  });
  const url = `rediss-sentinel://user:SECRETPW@127.0.0.1:${port}/0#mymaster`;
  await expect(connectRedisOnce(url, 'producer', log.logger)).rejects.toThrow('has no node that is ready');
  // The first bytes of a TLS handshake record.
  expect([...(await received.promise).subarray(0, 2)]).toEqual([0x16, 0x03]);
});

test('a wrong password is one sentence at once, without the password', async ({ ns, log }) => {
  const user = `u${randomUUID().slice(0, 8)}`;
  await ns.redis.acl('SETUSER', user, 'on', '>right', '+@all', '~*');
  const { host } = new URL(ns.redisUrl);
  await expect(connectRedis(`redis://${user}:hunter2@${host}`, 'worker', log.logger)).rejects.toThrow(
    `Redis at redis://${user}:***@${host} refuses the credentials in REDIS_URL. Correct the user name and password there.`,
  );
  await ns.redis.acl('DELUSER', user);
});

test('a database that Redis does not have is one sentence at once', async ({ ns, log }) => {
  await expect(connectRedis(`${ns.redisUrl}/999`, 'producer', log.logger)).rejects.toThrow('has no such database');
});

test('a producer rejects at once while Redis is down, and the log has one line', async ({ ns, log }) => {
  const redis = await connectRedis(ns.redisUrl, 'producer', log.logger);
  // Leads the same connection to a closed port, then back.
  Object.assign(redis.options, { port: 1 });
  redis.disconnect(true);
  await log.until('redis.down');
  await expect(redis.ping()).rejects.toThrow(/writeable|closed|retries/);
  Object.assign(redis.options, { port: Number(new URL(ns.redisUrl).port) });
  await log.until('redis.up');
  expect(log.lines.filter(({ event }) => event === 'redis.down')).toHaveLength(1);
  await redis.quit();
});

test('a Redis that may lose or evict jobs causes a warning, a safe one does not', async ({ ns, folder }) => {
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

test('a Redis whose settings may not be read is not called safe', async ({ ns }) => {
  const user = `u${randomUUID().slice(0, 8)}`;
  await ns.redis.acl('SETUSER', user, 'on', '>p', '+@all', '-info', '~*');
  const { host } = new URL(ns.redisUrl);
  const redis = new Redis(`redis://${user}:p@${host}`, { enableReadyCheck: false });
  expect(await unsafeSettings(redis, ns.keys)).toBeUndefined();
  redis.disconnect();
  await ns.redis.acl('DELUSER', user);
});

test('the time of the last data loss is the start of Redis, or the first contact with another Redis', async ({
  folder,
  log,
}) => {
  const before = Date.now();
  const server = await ownServer(redisProcess(folder));
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

test('a delivery that begins gets the time of the last data loss, by the clock of Redis', async ({ ns }) => {
  const begin = () => beginDelivery(ns.redis, ns.keys, { id: 'w-1', severity: 'warning' }, 1_000);
  expect(await begin()).toMatchObject({ dataLostAt: 0, earlier: undefined, ended: undefined });
  await recordDataLoss(ns.redis, ns.keys);
  const { dataLostAt, clock, earlier } = await begin();
  expect(dataLostAt).toBe(Number(await ns.redis.get(ns.keys.dataLostAt)));
  expect(clock - dataLostAt).toBeGreaterThanOrEqual(0);
  expect(clock - dataLostAt).toBeLessThan(5_000);
  expect(earlier).toEqual({ claimedAt: 1_000, firstClaimedAt: 1_000 });
});
