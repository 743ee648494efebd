/** The apps during a fail-over behind one address: the old master becomes a read-only replica and keeps its connections. */
import { readAccount } from '@kora-wake/shared/store/account';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { failOver } from '../support/fail-over.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { twoServers } from '../support/two-servers.ts';

const PREFIX = '{fail-over}';
/** Limit of the waits for the apps, ms. It only ends a failed run. */
const RECOVERED_MS = 180_000;

test('apps follow a fail-over behind one address, are not ready meanwhile, and lose nothing', async ({
  folder,
  logPath,
}) => {
  const { url: redisUrl, old, next, second, leadToNew } = await twoServers(folder);
  const { slack, env } = await doubles();
  const all = environment({ redisUrl, prefix: PREFIX }, logPath, { ...env, KORA_PROBE_WAKE_POLL_SEC: '1' });
  const { tailer, worker, api, url } = await startAllApps(all);
  const apps = [tailer, worker, api];
  const ready = async () => (await fetch(`${url}/readyz`)).status;
  append(logPath, wakeRow({ category: 'before' }));
  await eventually(() => slack.accepted.length === 1);
  expect(await ready()).toBe(200);

  await failOver(old, next, second);
  // The address still leads to the old master.
  append(logPath, wakeRow({ category: 'during' }));
  await eventually(async () => (await ready()) === 503, RECOVERED_MS);
  await Promise.all(apps.map((app) => app.until('redis.down')));
  leadToNew();
  await eventually(async () => (await ready()) === 200, RECOVERED_MS);
  append(logPath, wakeRow({ category: 'after' }));
  await eventually(() => slack.accepted.length === 3, RECOVERED_MS);
  const keys = redisKeys(PREFIX);
  await eventually(() => readAccount(next, keys).then(({ inFlight }) => inFlight === 0), RECOVERED_MS);
  expect(await readAccount(next, keys)).toMatchObject({ rows: 3, enqueued: 3, unaccounted: 0 });
  expect(new Set(slack.accepted.map(({ wakeId }) => wakeId)).size).toBe(3);
  for (const app of apps) {
    const lines = app.lines.filter(({ event }) => event === 'redis.down' || event === 'redis.up');
    expect(lines.map(({ event, reason }) => [event, reason])).toEqual([
      ['redis.down', 'is a read-only replica'],
      ['redis.up', undefined],
    ]);
  }
  await expectCleanStop(apps);
}, 600_000);
