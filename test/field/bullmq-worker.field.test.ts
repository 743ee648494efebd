/** A BullMQ worker whose Redis is down, or goes down, while it starts. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { type RunningWorker, runWorker } from '../../apps/worker/src/bullmq-worker.ts';
import { eventually, ownServer, test, testLog } from '../support/fixtures.ts';
import { redisProcess } from '../support/redis-process.ts';

const PREFIX = '{start}';

/** A supervised worker of a Redis of the test's own, and the jobs that it has processed. */
async function supervised(folder: string) {
  const server = await ownServer(redisProcess(folder));
  const connect = () => {
    const redis = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  const processed: string[] = [];
  const log = testLog();
  let created = 0;
  const start = (...connections: [Redis, ...Redis[]]): RunningWorker => {
    const running = runWorker(
      () => {
        const connection = connections[created] ?? connections[0];
        created++;
        const options = { connection, prefix: PREFIX, autorun: false, lockDuration: 5_000, stalledInterval: 1_000 };
        return new Worker('jobs', async (job) => void processed.push(job.name), options);
      },
      () => false,
      log.logger,
    );
    onTestFinished(() => running.stop());
    return running;
  };
  /** Adds a job as BullMQ does, and waits until the worker has processed it. */
  const processes = async (redis: Redis, name: string) => {
    const { Queue } = await import('bullmq');
    const queue = new Queue('jobs', { connection: redis, prefix: PREFIX });
    await queue.add(name, {});
    await eventually(() => processed.includes(name), 60_000);
    await queue.close();
  };
  return { server, connect, start, processes, created: () => created };
}

test('a worker that starts while Redis is down takes jobs as soon as Redis answers', async ({ folder }) => {
  const { server, connect, start, processes } = await supervised(folder);
  const connection = connect();
  await connection.ping();
  await server.kill('SIGKILL');
  const running = start(connection);
  await server.start();
  await running.ready;
  await processes(connect(), 'first');
});

test('a worker that loses its connections in its first moments takes jobs all the same', async ({ folder }) => {
  const { connect, start, processes } = await supervised(folder);
  const connection = connect();
  const killer = connect();
  await Promise.all([connection.ping(), killer.ping()]);
  const running = start(connection);
  for (let i = 0; i < 20; i++) await killer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await running.ready;
  await processes(killer, 'first');
});

test('a worker that ended during its start is created again', async ({ folder }) => {
  const { connect, start, processes, created } = await supervised(folder);
  // It does not reconnect, so BullMQ gives up on it.
  const dead = new Redis(1, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => null });
  dead.on('error', () => undefined);
  const running = start(dead, connect());
  await running.ready;
  expect(created()).toBe(2);
  await processes(connect(), 'first');
});

test('a worker that waits for Redis can be stopped', async ({ folder }) => {
  const { server, connect, start } = await supervised(folder);
  const connection = connect();
  await connection.ping();
  await server.kill('SIGKILL');
  await start(connection).stop();
});
