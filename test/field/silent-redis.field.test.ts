/** The apps while their connections to Redis die silently: the network or Redis stops answering and closes nothing. */
import { expect, onTestFinished } from 'vitest';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { append, eventually, ownServer, test, wakeRow } from '../support/fixtures.ts';
import { LOST, tcpProxy } from '../support/proxy.ts';
import { redisProcess } from '../support/redis-process.ts';

/** Limit of the wait until all apps have noticed, ms. It only ends a failed run. */
const NOTICED_MS = 180_000;

const silent = { requests: false, answers: false };
const open = { requests: true, answers: true };

interface Path {
  /** Whether the path forwards bytes in each direction. */
  network: { requests: boolean; answers: boolean };
  /** Open connections forward nothing more; new ones work. */
  forget(): void;
  pid: number;
}

const CASES: Array<[name: string, begin: (path: Path) => void, end: (path: Path) => void]> = [
  ['the network forgets the open connections', ({ forget }) => forget(), () => undefined],
  ['nothing passes', ({ network }) => Object.assign(network, silent), ({ network }) => Object.assign(network, open)],
  [
    'only answers are lost',
    ({ network }) => Object.assign(network, { answers: false }),
    ({ network }) => Object.assign(network, open),
  ],
  ['Redis is frozen', ({ pid }) => process.kill(pid, 'SIGSTOP'), ({ pid }) => process.kill(pid, 'SIGCONT')],
];

test.for(CASES)(
  'apps give up silent connections, log it once and deliver later wakes: %s',
  { timeout: 600_000 },
  async ([, begin, end], { folder, logPath }) => {
    const server = await ownServer(redisProcess(folder));
    const network = { ...open };
    const proxy = await tcpProxy(
      { hostname: '127.0.0.1', port: server.port },
      {
        requests: (chunk, forward) => (network.requests ? forward(chunk) : LOST),
        answers: (chunk, forward) => (network.answers ? forward(chunk) : LOST),
      },
    );
    onTestFinished(() => proxy.close());
    const path: Path = { network, forget: proxy.silence, pid: server.pid() };
    const { slack, env } = await doubles();
    const redisUrl = `redis://127.0.0.1:${proxy.port}`;
    const all = environment({ redisUrl, prefix: '{silent}' }, logPath, { ...env, KORA_PROBE_WAKE_POLL_SEC: '1' });
    const { tailer, worker, api, url } = await startAllApps(all);
    const apps = [tailer, worker, api];
    append(logPath, wakeRow({ category: 'before' }));
    await eventually(() => slack.accepted.length === 1);

    begin(path);
    append(logPath, wakeRow({ category: 'meanwhile' }));
    await Promise.all(apps.map((app) => app.until('redis.down', undefined, NOTICED_MS)));
    end(path);
    await eventually(() => slack.accepted.length === 2, NOTICED_MS);
    await Promise.all(apps.map((app) => app.until('redis.up', undefined, NOTICED_MS)));
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, NOTICED_MS);
    for (const app of apps) {
      const lines = app.lines.filter(({ event }) => event === 'redis.down' || event === 'redis.up');
      expect(lines.map(({ event }) => event)).toEqual(['redis.down', 'redis.up']);
    }
    await expectCleanStop(apps);
  },
);
