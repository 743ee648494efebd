/** Connections that die silently: the path forwards nothing, in one or both directions, and closes nothing. */

import { closeRedis, connectRedis } from '@kora-wake/shared/runtime/redis';
import { outageLog } from '@kora-wake/shared/runtime/redis-outage';
import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { eventually, type Namespace, ownServer, test } from '../support/fixtures.ts';
import { LOST, tcpProxy } from '../support/proxy.ts';
import { redisProcess } from '../support/redis-process.ts';

/** A silent connection is given up after 1 s. On a busy machine an answer may take nearly as long. */
const SILENCE = { checkMs: 250, checks: 4 };

/** A path to Redis that can stop forwarding, and counts the chunks of requests. */
async function path(target: { hostname: string; port: number }) {
  const state = { requests: true, answers: true, chunks: 0 };
  const proxy = await tcpProxy(target, {
    requests: (chunk, forward) => {
      state.chunks++;
      return state.requests ? forward(chunk) : LOST;
    },
    answers: (chunk, forward) => (state.answers ? forward(chunk) : LOST),
  });
  onTestFinished(() => proxy.close());
  return Object.assign(state, { proxy });
}

async function pathToNamespace(ns: Namespace) {
  const { hostname, port, username, password } = new URL(ns.redisUrl);
  const to = await path({ hostname, port: Number(port) });
  return { to, url: `redis://${username}:${password}@127.0.0.1:${to.proxy.port}` };
}

const DIRECTIONS = [
  ['in both directions', { requests: false, answers: false }],
  ['towards Redis', { requests: false, answers: true }],
  ['back from Redis', { requests: true, answers: false }],
] as const;

for (const kind of ['producer', 'worker'] as const) {
  test.for(DIRECTIONS)(
    `a ${kind} gives up a connection that is silent %s, once in its log`,
    async ([, silent], { ns, log }) => {
      const { to, url } = await pathToNamespace(ns);
      const redis = await connectRedis(url, kind, log.logger, { silence: SILENCE });
      onTestFinished(() => closeRedis(redis));
      Object.assign(to, silent);
      expect(await log.until('redis.down')).toMatchObject({ reason: 'does not answer (no answer for 1 s)' });
      // The attempts to connect again are silent too.
      const before = to.chunks;
      await eventually(() => to.chunks > before);
      Object.assign(to, { requests: true, answers: true });
      await log.until('redis.up');
      expect(await redis.ping()).toBe('PONG');
      expect(log.lines.map(({ event }) => event)).toEqual(['redis.down', 'redis.up']);
    },
  );
}

test('a connection that the network forgot is replaced, while new connections work', async ({ ns, log }) => {
  const { to, url } = await pathToNamespace(ns);
  const redis = await connectRedis(url, 'producer', log.logger, { silence: SILENCE });
  onTestFinished(() => closeRedis(redis));
  to.proxy.silence();
  await log.until('redis.up');
  expect(await redis.ping()).toBe('PONG');
});

test('an app with several connections logs one line for the start and one for the end of an outage', async ({
  ns,
  log,
}) => {
  const { to, url } = await pathToNamespace(ns);
  const options = { silence: SILENCE, outages: outageLog(log.logger) };
  const clients = await Promise.all(
    (['producer', 'worker'] as const).map((kind) => connectRedis(url, kind, log.logger, options)),
  );
  onTestFinished(async () => {
    await Promise.all(clients.map(closeRedis));
  });
  to.answers = false;
  await log.until('redis.down');
  to.answers = true;
  await log.until('redis.up');
  await Promise.all(clients.map((client) => eventually(() => client.ping().catch(() => false))));
  expect(log.lines.map(({ event }) => event)).toEqual(['redis.down', 'redis.up']);
});

test('a blocking command on a copy of the connection continues after the path was silent', async ({ ns, log }) => {
  const { to, url } = await pathToNamespace(ns);
  const redis = await connectRedis(url, 'worker', log.logger, { silence: SILENCE });
  if (redis instanceof Cluster) throw new Error('not a cluster');
  const copy = redis.duplicate();
  onTestFinished(async () => {
    copy.disconnect();
    await closeRedis(redis);
  });
  await copy.connect();
  const job = copy.bzpopmin(`${ns.prefix}:jobs`, 0);
  Object.assign(to, { requests: false, answers: false });
  await log.until('redis.down');
  Object.assign(to, { requests: true, answers: true });
  await log.until('redis.up');
  await ns.redis.zadd(`${ns.prefix}:jobs`, 1, 'a');
  expect(await job).toEqual([`${ns.prefix}:jobs`, 'a', '1']);
  expect(log.lines.map(({ event }) => event)).toEqual(['redis.down', 'redis.up']);
});

test('a connection without commands is kept', async ({ ns, log }) => {
  const { to, url } = await pathToNamespace(ns);
  const redis = await connectRedis(url, 'producer', log.logger, { silence: { checkMs: 40, checks: 50 } });
  onTestFinished(() => closeRedis(redis));
  const before = to.chunks;
  // Each second check asks, so these are more checks than a silent connection survives.
  await eventually(() => to.chunks > before + 30);
  expect(log.lines).toEqual([]);
});

test('a cluster gives up a silent connection to a node', async ({ folder, log }) => {
  const state = { port: 0 };
  const to = await path({
    hostname: '127.0.0.1',
    get port() {
      return state.port;
    },
  });
  const node = await ownServer(
    redisProcess(folder, [
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-announce-port',
      String(to.proxy.port),
    ]),
  );
  state.port = node.port;
  const direct = new Redis(node.port, '127.0.0.1');
  onTestFinished(() => direct.disconnect());
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => String(await direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  const redis = await connectRedis(`redis-cluster://127.0.0.1:${to.proxy.port}`, 'worker', log.logger, {
    silence: SILENCE,
  });
  onTestFinished(() => redis.disconnect());
  await redis.set('a', 'before');
  Object.assign(to, { requests: false, answers: false });
  const read = redis.get('a').catch(() => 'failed');
  expect(await log.until('redis.down')).toMatchObject({ reason: 'does not answer (no answer for 1 s)' });
  Object.assign(to, { requests: true, answers: true });
  await log.until('redis.up');
  await read;
  expect(await redis.get('a')).toBe('before');
});
