/**
 * The whole path on other Redises than one: a cluster of three, whose node is lost, and one that Sentinels watch, which
 * fails over. Both run on loopback, as processes of the test's own.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { anthropicDouble } from '../support/anthropic.ts';
import { append, endBeforeCleanup, eventually, test, wakeRow } from '../support/fixtures.ts';
import { type Running, runApp } from '../support/process.ts';
import { type RedisProcess, redisProcess, sentinelProcess } from '../support/redis-process.ts';
import { slackDouble } from '../support/slack.ts';

const PREFIX = '{elsewhere}';
const keys = redisKeys(PREFIX);

/** Ended with the test. */
async function ours(starting: Promise<RedisProcess>): Promise<RedisProcess> {
  const server = await starting;
  endBeforeCleanup(() => server.kill('SIGKILL'));
  return server;
}

/** What is as old as Redis itself, to a second, would be looked up before it is told, which takes its time. */
async function isOldEnough(server: RedisProcess | undefined): Promise<void> {
  const info = () => String(execFileSync('redis-cli', ['-p', String(server?.port), 'INFO', 'server']));
  await eventually(() => Number(/uptime_in_seconds:(\d+)/.exec(info())?.[1]) >= 2);
}

async function apps(redisUrl: string, logPath: string) {
  const [slack, anthropic] = await Promise.all([slackDouble(), anthropicDouble()]);
  onTestFinished(async () => {
    await Promise.all([slack.close(), anthropic.close()]);
  });
  const env = {
    REDIS_URL: redisUrl,
    KORA_QUEUE_PREFIX: PREFIX,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_PROBE_WAKE_POLL_SEC: '1',
    KORA_API_PORT: '0',
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-secret',
    ANTHROPIC_BASE_URL: anthropic.url,
  };
  const [tailer, worker, api] = [runApp('tailer', env), runApp('worker', env), runApp('api', env)];
  await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes'), api.until('listening on')]);
  return { slack, tailer, worker, api };
}

async function get(api: Running, path: string): Promise<any> {
  const { msg } = await api.until('listening on');
  return (await fetch(`${/http:\/\/\S+/.exec(msg)?.[0]}${path}`)).json();
}

/** Every app ends as it is asked to. */
async function allStop(running: Running[]): Promise<void> {
  for (const app of running) app.child.kill('SIGTERM');
  expect(await Promise.all(running.map(({ exited }) => exited))).toEqual(running.map(() => 0));
}

test('on a cluster of three nodes a wake is told; another one too, after the node that has our keys was away', async ({
  folder,
  logPath,
}) => {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  const nodes = await Promise.all([1, 2, 3].map((n) => ours(redisProcess(join(folder, `node-${n}`), options))));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'pipe' });
  for (const { port } of nodes) {
    await eventually(() =>
      String(execFileSync('redis-cli', ['-p', String(port), 'CLUSTER', 'INFO'])).includes('state:ok'),
    );
  }
  const cluster = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
  onTestFinished(() => cluster.disconnect());
  const { slack, tailer, worker, api } = await apps(`redis-cluster://${addresses[0]},${addresses[1]}`, logPath);
  await isOldEnough(nodes[0]);
  append(logPath, wakeRow({ category: 'a' }), wakeRow({ category: 'a' }));
  await eventually(() => slack.accepted.length === 1);
  expect((await get(api, '/v1/debounce')).entries).toMatchObject([{ category: 'a', suppressed: 1 }]);
  expect(await get(api, '/readyz')).toEqual({ status: 'ok' });

  const slot = Number(execFileSync('redis-cli', ['-p', String(nodes[0]?.port), 'CLUSTER', 'KEYSLOT', PREFIX]));
  const owner = nodes[Math.floor(slot / (16_384 / 3))];
  await owner?.kill('SIGKILL');
  append(logPath, wakeRow({ category: 'b' }));
  await tailer.until('cannot follow the log for now');
  await owner?.start();
  // What was told before is looked up once more, since a Redis that came back may have forgotten it.
  await eventually(() => slack.accepted.length === 2, 60_000);
  await eventually(() => readAccount(cluster, keys).then(({ inFlight }) => inFlight === 0), 30_000);
  expect(await readAccount(cluster, keys)).toMatchObject({ rows: 3, enqueued: 2, coalesced: 1, unaccounted: 0 });
  await allStop([tailer, worker, api]);
}, 120_000);

test('when Sentinels fail over, wakes go on being told, each once', async ({ folder, logPath }) => {
  const master = await ours(redisProcess(join(folder, 'master')));
  const replica = await ours(redisProcess(join(folder, 'replica'), ['--replicaof', `'127.0.0.1 ${master.port}'`]));
  const rules = [
    `sentinel monitor mymaster 127.0.0.1 ${master.port} 2`,
    'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 5000',
  ];
  const sentinels = await Promise.all(
    [1, 2, 3].map((n) => ours(sentinelProcess(join(folder, `sentinel-${n}`), rules))),
  );
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const { slack, tailer, worker, api } = await apps(`redis-sentinel://${hosts}/0#mymaster`, logPath);
  await isOldEnough(master);
  append(logPath, wakeRow({ category: 'a' }), wakeRow({ category: 'a' }));
  await eventually(() => slack.accepted.length === 1);
  const after = new Redis(replica.port, '127.0.0.1');
  onTestFinished(() => after.disconnect());
  await eventually(() => readAccount(after, keys).then(({ outcomes }) => outcomes.diagnosis === 1));

  await master.kill('SIGKILL');
  append(logPath, wakeRow({ category: 'b' }));
  await eventually(() => after.info('replication').then((info) => info.includes('role:master')), 60_000);
  await eventually(() => slack.accepted.length === 2, 60_000);
  await eventually(() => readAccount(after, keys).then(({ inFlight }) => inFlight === 0), 30_000);
  expect(await readAccount(after, keys)).toMatchObject({ rows: 3, enqueued: 2, coalesced: 1, unaccounted: 0 });
  expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(2);
  await allStop([tailer, worker, api]);
}, 120_000);
