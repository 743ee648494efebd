/**
 * The whole path on a Redis Cluster of three nodes that loses one, and on a Redis with Sentinels that fails over. All
 * servers are processes of the test on loopback.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { append, eventually, ownServer, test, wakeRow } from '../support/fixtures.ts';
import { type RedisProcess, redisProcess, sentinelProcess } from '../support/redis-process.ts';

const PREFIX = '{elsewhere}';
const keys = redisKeys(PREFIX);
/** Limit of the waits for a fail-over, ms. */
const FAIL_OVER_MS = 180_000;

/** A wake that is as old as its Redis (to the second) would be looked up before it is sent, which takes long. */
async function untilOldEnough(server: RedisProcess | undefined): Promise<void> {
  const info = () => String(execFileSync('redis-cli', ['-p', String(server?.port), 'INFO', 'server']));
  await eventually(() => Number(/uptime_in_seconds:(\d+)/.exec(info())?.[1]) >= 2);
}

async function startApps(redisUrl: string, logPath: string) {
  const { slack, env } = await doubles();
  const all = environment({ redisUrl, prefix: PREFIX }, logPath, { ...env, KORA_PROBE_WAKE_POLL_SEC: '1' });
  const apps = await startAllApps(all);
  const get = async (path: string): Promise<any> => (await fetch(`${apps.url}${path}`)).json();
  return { slack, get, ...apps };
}

test('on a cluster of three nodes wakes are sent, also after the node with our keys was down', async ({
  folder,
  logPath,
}) => {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  const nodes = await Promise.all([1, 2, 3].map((n) => ownServer(redisProcess(join(folder, `node-${n}`), options))));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'pipe' });
  for (const { port } of nodes) {
    await eventually(() =>
      String(execFileSync('redis-cli', ['-p', String(port), 'CLUSTER', 'INFO'])).includes('state:ok'),
    );
  }
  const cluster = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
  onTestFinished(() => cluster.disconnect());
  const { slack, tailer, worker, api, get } = await startApps(
    `redis-cluster://${addresses[0]},${addresses[1]}`,
    logPath,
  );
  await untilOldEnough(nodes[0]);
  append(logPath, wakeRow({ category: 'a' }), wakeRow({ category: 'a' }));
  await eventually(() => slack.accepted.length === 1);
  expect((await get('/v1/debounce')).entries).toMatchObject([{ category: 'a', suppressed: 1 }]);
  expect(await get('/readyz')).toEqual({ status: 'ok' });

  const slot = Number(execFileSync('redis-cli', ['-p', String(nodes[0]?.port), 'CLUSTER', 'KEYSLOT', PREFIX]));
  const owner = nodes[Math.floor(slot / (16_384 / 3))];
  await owner?.kill('SIGKILL');
  append(logPath, wakeRow({ category: 'b' }));
  await tailer.until('tailer.failing');
  await owner?.start();
  // An older wake is looked up in Slack again, because a Redis that restarted may have lost its last writes.
  await eventually(() => slack.accepted.length === 2, FAIL_OVER_MS);
  await eventually(() => readAccount(cluster, keys).then(({ inFlight }) => inFlight === 0), FAIL_OVER_MS);
  expect(await readAccount(cluster, keys)).toMatchObject({ rows: 3, enqueued: 2, coalesced: 1, unaccounted: 0 });
  await expectCleanStop([tailer, worker, api]);
}, 600_000);

test('when Sentinels fail over, wakes are still sent, each once', async ({ folder, logPath }) => {
  const master = await ownServer(redisProcess(join(folder, 'master')));
  const replica = await ownServer(redisProcess(join(folder, 'replica'), ['--replicaof', `127.0.0.1 ${master.port}`]));
  const rules = [
    `sentinel monitor mymaster 127.0.0.1 ${master.port} 2`,
    'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 5000',
  ];
  const sentinels = await Promise.all(
    [1, 2, 3].map((n) => ownServer(sentinelProcess(join(folder, `sentinel-${n}`), rules))),
  );
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const { slack, tailer, worker, api } = await startApps(`redis-sentinel://${hosts}/0#mymaster`, logPath);
  await untilOldEnough(master);
  append(logPath, wakeRow({ category: 'a' }), wakeRow({ category: 'a' }));
  await eventually(() => slack.accepted.length === 1);
  const after = new Redis(replica.port, '127.0.0.1');
  onTestFinished(() => after.disconnect());
  await eventually(() => readAccount(after, keys).then(({ outcomes }) => outcomes.diagnosis === 1));

  await master.kill('SIGKILL');
  append(logPath, wakeRow({ category: 'b' }));
  await eventually(() => after.info('replication').then((info) => info.includes('role:master')), FAIL_OVER_MS);
  await eventually(() => slack.accepted.length === 2, FAIL_OVER_MS);
  await eventually(() => readAccount(after, keys).then(({ inFlight }) => inFlight === 0), FAIL_OVER_MS);
  expect(await readAccount(after, keys)).toMatchObject({ rows: 3, enqueued: 2, coalesced: 1, unaccounted: 0 });
  expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(2);
  await expectCleanStop([tailer, worker, api]);
}, 600_000);
