/** Tailers of several hosts share one Redis and one worker. One that is killed does not disturb the others. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Tailer } from '@kora-wake/api/contract';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { doubles, environment } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { apiUrl, WAIT_MS } from '../support/spawn.ts';

test('three tailers with a log each share one Redis; alerts of a killed one wait for its restart, those of the others do not', async ({
  ns,
  folder,
}) => {
  const { slack, env: ofDoubles } = await doubles();
  const hosts = ['web-1', 'web-2', 'web-3'].map((name) => {
    const logPath = join(folder, name, 'kora_audit_log.jsonl');
    mkdirSync(join(folder, name));
    return { name, logPath, env: environment(ns, logPath, { ...ofDoubles, KORA_SOURCE_NAME: name }) };
  });
  const [first, second, third] = hosts;
  if (!first || !second || !third) throw new Error('three hosts are needed');
  const following = async ({ env }: { env: Record<string, string> }) => {
    const tailer = runApp('tailer', env);
    await tailer.until('tailer.following');
    return tailer;
  };
  const worker = runApp('worker', first.env);
  const api = runApp('api', first.env);
  const [victim, ...others] = await Promise.all(hosts.map(following));
  const [url] = await Promise.all([apiUrl(api), worker.until('worker.ready')]);
  const account = () => readAccount(ns.redis, ns.keys);
  const sent = (alerts: number) =>
    eventually(async () => {
      const { outcomes, inFlight } = await account();
      return outcomes.diagnosis === alerts && inFlight === 0 && slack.accepted.length === alerts;
    });

  // The pairs differ, and one alert of each host is a repeat on another host: windows are for all hosts.
  for (const { name, logPath } of hosts) append(logPath, wakeRow({ probe: name, category: 'before' }));
  await sent(3);
  append(second.logPath, wakeRow({ probe: first.name, category: 'before' }));
  await eventually(async () => (await account()).coalesced === 1);

  victim?.child.kill('SIGKILL');
  await victim?.exited;
  for (const { name, logPath } of hosts) append(logPath, wakeRow({ probe: name, category: 'during' }));
  await sent(5);
  expect(await account()).toMatchObject({ rows: 6, enqueued: 5, coalesced: 1, unaccounted: 0 });
  expect(others.map(({ child }) => child.exitCode ?? child.signalCode)).toEqual([null, null]);

  // As its expiry would.
  await ns.redis.unlink(ns.keys.lease(sourceId(first.logPath, first.name)));
  await following(first);
  await sent(6);
  for (const { name, logPath } of hosts) append(logPath, wakeRow({ probe: name, category: 'after' }));
  await sent(9);

  const read = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  expect(await read('/v1/account')).toMatchObject({
    rows: 10,
    enqueued: 9,
    coalesced: 1,
    rejected: {},
    inFlight: 0,
    unaccounted: 0,
  });
  // The worker appends its own rows to the log of the first host, so its lag is 0 only after a moment.
  const shown = async () => {
    const { sources } = Tailer.parse(await read('/v1/tailer'));
    return Object.fromEntries(
      sources.map(({ name, path, holder, lagBytes, conflictWith }) => [
        name,
        { path, isHeld: holder !== null, lagBytes, conflictWith },
      ]),
    );
  };
  const expected = hosts.map(({ name, logPath }) => [
    name,
    { path: logPath, isHeld: true, lagBytes: 0, conflictWith: null },
  ]);
  await expect.poll(shown, { timeout: WAIT_MS }).toEqual(Object.fromEntries(expected));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^kora_wakes_unaccounted 0$/m);
});
