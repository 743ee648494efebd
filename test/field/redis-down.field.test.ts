/** Apps that start while Redis is down, for example during a fail-over, begin to work when it answers. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect, onTestFinished } from 'vitest';
import { append, eventually, ownServer, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { redisProcess } from '../support/redis-process.ts';
import { apiUrl } from '../support/spawn.ts';

test('tailer, worker and API wait for Redis, then carry a wake', async ({ folder, logPath }) => {
  const server = await ownServer(redisProcess(folder));
  await server.kill('SIGKILL');
  const env = { REDIS_URL: `redis://127.0.0.1:${server.port}`, KORA_AUDIT_LOG_PATH: logPath, KORA_API_PORT: '0' };
  const [tailer, worker, api] = [runApp('tailer', env), runApp('worker', env), runApp('api', env)];
  for (const app of [tailer, worker, api]) {
    expect(await app.until('redis.down')).toMatchObject({ reason: 'refuses the connection' });
  }
  await server.start();
  await Promise.all([tailer.until('tailer.following'), worker.until('worker.ready'), api.until('api.listening')]);
  append(logPath, wakeRow());
  await worker.until('delivery.dry_run');
  for (const app of [tailer, worker, api]) {
    app.child.kill('SIGTERM');
    expect(await app.exited).toBe(0);
  }
});

test.each(['tailer', 'worker', 'api'] as const)('the %s stops at once if asked while it waits', async (name) => {
  const app = runApp(name, {
    REDIS_URL: 'redis://127.0.0.1:1',
    KORA_AUDIT_LOG_PATH: '/tmp/kora-wake-redis-down.jsonl',
  });
  await app.until('redis.down');
  app.child.kill('SIGTERM');
  expect(await app.exited).toBe(0);
  expect(app.lines.map(({ event }) => event)).toEqual(['redis.down', 'app.stopping', 'app.stopped']);
  expect(app.stderr()).toBe('');
});

test('an API with three open consoles ends their streams when Redis is gone, and logs the outage once', async ({
  folder,
  logPath,
}) => {
  const server = await ownServer(redisProcess(folder));
  const env = { REDIS_URL: `redis://127.0.0.1:${server.port}`, KORA_AUDIT_LOG_PATH: logPath, KORA_API_PORT: '0' };
  const api = runApp('api', env);
  const url = await apiUrl(api);
  const stream = async () => {
    const request = get(`${url}/v1/events`, { agent: false });
    onTestFinished(() => void request.destroy());
    const [response]: IncomingMessage[] = await once(request, 'response');
    if (!response) throw new Error('no response');
    return response.resume();
  };
  const paths = ['/v1/queues', '/v1/debounce', '/v1/account', '/v1/me', '/v1/events', '/metrics'];
  const readAll = () => Promise.all(paths.map(async (path) => (await fetch(`${url}${path}`)).status));
  const failed = () => api.lines.filter(({ level }) => Number(level) >= 40);
  const warnings = failed().length;
  for (const outage of [1, 2]) {
    const streams = await Promise.all([stream(), stream(), stream()]);
    // A stream that has not caught up yet is cut.
    const ended = streams.map((one) => new Promise((resolve) => one.on('error', () => undefined).on('close', resolve)));
    await server.kill('SIGKILL');
    await Promise.all(ended);
    await eventually(async () => (await fetch(`${url}/v1/queues`)).status === 503);
    for (let poll = 0; poll < 5; poll++) {
      for (const tab of [1, 2, 3]) expect([tab, await readAll()]).toEqual([tab, [503, 503, 503, 200, 503, 503]]);
    }
    expect(failed().length - warnings).toBe(outage);
    await server.start();
    await eventually(async () => (await fetch(`${url}/v1/queues`)).status === 200);
  }
});
