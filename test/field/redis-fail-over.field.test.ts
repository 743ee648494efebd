/**
 * A fail-over behind one address, as with managed Redis, HAProxy or a Kubernetes Service: the old master becomes a replica,
 * its connections stay open, and new connections lead to the new master.
 */

import { closeRedis, connectRedis } from '@kora-wake/shared/runtime/redis';
import { outageLog } from '@kora-wake/shared/runtime/redis-outage';
import { Cluster, type Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { eventually, type TestLog, test } from '../support/fixtures.ts';
import { twoServers } from '../support/two-servers.ts';

/** Two servers behind one address. `promote` makes the replica the master, and the master its replica. */
async function pair(folder: string) {
  const servers = await twoServers(folder);
  const { old, next, second } = servers;
  await eventually(async () => (await next.info('replication')).includes('master_link_status:up'));
  const promote = async () => {
    await next.replicaof('NO', 'ONE');
    await old.replicaof('127.0.0.1', second.port);
  };
  return { ...servers, promote };
}

async function connected(url: string, kind: 'producer' | 'worker', log: TestLog): Promise<Redis> {
  const redis = await connectRedis(url, kind, log.logger);
  onTestFinished(() => closeRedis(redis));
  if (redis instanceof Cluster) throw new Error('not a cluster');
  return redis;
}

const outage = ({ lines }: TestLog) =>
  lines.filter(({ event }) => String(event).startsWith('redis.')).map(({ event, reason }) => [event, reason]);

const OUTAGE = [
  ['redis.down', 'is a read-only replica'],
  ['redis.up', undefined],
];

const WRITES: Array<[string, (redis: Redis) => Promise<unknown>]> = [
  ['a command', (redis) => redis.set('a', 'b')],
  [
    'a pipeline',
    async (redis) => {
      const results = (await redis.pipeline().get('a').set('a', 'b').exec()) ?? [];
      for (const [error] of results) if (error) throw error;
    },
  ],
  ['a transaction', (redis) => redis.multi().set('a', 'b').exec()],
  ['a script', (redis) => redis.eval("return redis.call('SET', KEYS[1], 'b')", 1, 'a')],
];

for (const kind of ['producer', 'worker'] as const) {
  test.for(WRITES)(
    `after %s of a ${kind} was refused by the old master, it writes to the new one`,
    async ([, write], { folder, log }) => {
      const { url, next, promote, leadToNew } = await pair(folder);
      const redis = await connected(url, kind, log);
      await write(redis);
      leadToNew();
      await promote();
      await next.del('a');
      await eventually(() =>
        write(redis).then(
          () => true,
          () => false,
        ),
      );
      expect(await next.get('a')).toBe('b');
      await log.until('redis.up');
      expect(outage(log)).toEqual(OUTAGE);
    },
  );
}

test('a copy of the connection that waits for a job waits on the new master', async ({ folder, log }) => {
  const { url, next, promote, leadToNew } = await pair(folder);
  const redis = await connected(url, 'worker', log);
  const copy = redis.duplicate();
  onTestFinished(() => copy.disconnect());
  await copy.connect();
  // BullMQ also begins to wait again after an error.
  const wait = (): Promise<unknown> => copy.bzpopmin('jobs', 0).catch(wait);
  const job = wait();
  leadToNew();
  await promote();
  await next.zadd('jobs', 1, 'a');
  expect(await job).toEqual(['jobs', 'a', '1']);
  // The end of the outage is logged once another connection has answered.
  await log.until('redis.up');
  expect(outage(log)).toEqual(OUTAGE);
});

test('while the address still leads to the old master, it stays one outage', async ({ folder, log }) => {
  const { url, old, promote, leadToNew } = await pair(folder);
  const redis = await connected(url, 'producer', log);
  await promote();
  const write = () =>
    redis.set('a', 'b').then(
      () => true,
      () => false,
    );
  expect(await write()).toBe(false);
  await log.until('redis.down');
  const connections = async () => Number(/total_connections_received:(\d+)/.exec(await old.info('stats'))?.[1]);
  const before = await connections();
  await eventually(async () => (await connections()) > before + 3);
  expect(outage(log)).toEqual(OUTAGE.slice(0, 1));
  leadToNew();
  await eventually(write);
  expect(outage(log)).toEqual(OUTAGE);
});

test('the connections of an app that only read follow to the new master too, in one outage', async ({
  folder,
  log,
}) => {
  const { url, promote, leadToNew } = await pair(folder);
  const outages = outageLog(log.logger);
  const clients = [
    await connectRedis(url, 'producer', log.logger, { outages }),
    await connectRedis(url, 'worker', log.logger, { outages }),
  ] as const;
  onTestFinished(async () => {
    await Promise.all(clients.map(closeRedis));
  });
  const [writer, reader] = clients;
  leadToNew();
  await promote();
  await expect(writer.set('a', 'b')).rejects.toThrow('READONLY');
  await eventually(async () => (await reader.info('replication')).includes('role:master'));
  await eventually(() => writer.ping().catch(() => false));
  expect(outage(log)).toEqual(OUTAGE);
});
