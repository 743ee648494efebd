/** Apps that start while Redis is down, for example during a fail-over, begin to work when it answers. */
import { expect } from 'vitest';
import { append, ownServer, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { redisProcess } from '../support/redis-process.ts';

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
