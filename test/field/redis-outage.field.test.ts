/** The apps while their Redis is stopped and started again. */
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { startRedis } from '../../apps/cli/src/private-redis.ts';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { append, test, wakeRow } from '../support/fixtures.ts';
import { freePort } from '../support/ports.ts';

describe('while Redis is down', () => {
  test('apps wait, log it, continue when Redis is back, and can be stopped', async ({ folder, logPath }) => {
    const port = await freePort();
    const redis = await startRedis(join(folder, 'redis'), port);
    const { slack, env: slackAndEngine } = await doubles();
    const env = environment({ redisUrl: redis.url, prefix: '{outage}' }, logPath, slackAndEngine);
    const { tailer, worker, api, url } = await startAllApps(env);
    await redis.stop();
    await Promise.all([tailer, worker, api].map((app) => app.until('redis.down')));
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    append(logPath, wakeRow());
    const again = await startRedis(join(folder, 'redis'), port);
    onTestFinished(() => again.stop());
    await tailer.until('wake.enqueued');
    await worker.until('delivery.sent');
    expect(slack.accepted).toHaveLength(1);

    await again.stop();
    await expectCleanStop([tailer, worker, api]);
  });
});
