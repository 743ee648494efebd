/** Processor time of idle apps, and duration of `npm start`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { APP_NAMES, type AppName } from '@kora-wake/shared/runtime/env-table';
import type { Redis } from 'ioredis';
import { apiUrl } from '../test/support/spawn.ts';
import { type Bench, cpuMs, repeated } from './measure.ts';

/** Calls of each command since the start of the server. */
async function calls(redis: Redis): Promise<Map<string, number>> {
  const stats = await redis.info('commandstats');
  return new Map([...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name = '', n]) => [name, Number(n)]));
}

export const idle: Bench = {
  id: 'P8',
  title: 'all three apps with nothing to do',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const [tailer, worker, api] = [sandbox.app('tailer'), sandbox.app('worker'), sandbox.app('api')];
    await Promise.all([tailer.until('tailer.following'), worker.until('worker.ready'), apiUrl(api)]);
    await sleep(quick ? 3_000 : 15_000);
    const pids = { tailer: tailer.child.pid ?? 0, worker: worker.child.pid ?? 0, api: api.child.pid ?? 0 };
    const ms = quick ? 5_000 : 60_000;
    const commands = new Map<string, number>();
    const taken = await repeated(runs, async () => {
      const before = { tailer: cpuMs(pids.tailer), worker: cpuMs(pids.worker), api: cpuMs(pids.api) };
      const callsBefore = await calls(sandbox.redis);
      await sleep(ms);
      for (const [name, n] of await calls(sandbox.redis)) {
        commands.set(name, (commands.get(name) ?? 0) + n - (callsBefore.get(name) ?? 0));
      }
      const share = (app: AppName) => ((cpuMs(pids[app]) - before[app]) / ms) * 100;
      return { tailer: share('tailer'), worker: share('worker'), api: share('api') };
    });
    await sandbox.end();
    // The measurement itself sends INFO.
    commands.set('info', (commands.get('info') ?? 0) - runs);
    const perS = (n: number) => n / ((ms * runs) / 1_000);
    const listed = [...commands].filter(([, n]) => n > 0).toSorted(([, a], [, b]) => b - a);
    const total = listed.reduce((sum, [, n]) => sum + n, 0);
    return {
      figures: [
        ...APP_NAMES.map((app) => ({
          label: `the ${app}, of a core`,
          values: taken.map((run) => run[app]),
          unit: '%' as const,
          goal: { atMost: 0.5 },
        })),
        { label: 'commands to Redis, including those in scripts', values: [perS(total)], unit: '/s' },
      ],
      notes: [
        `Over ${ms / 1_000} s a run. The commands, a second: ${listed.map(([name, n]) => `\`${name}\` ${perS(n).toFixed(2)}`).join(', ')}. They are: the tailer renews its lease every 3 s; both BullMQ workers block on their queues (5 s each time) and look for jobs of dead workers (every 5 s, one worker per queue); the sweeper runs once a minute.`,
      ],
    };
  },
};

const root = join(import.meta.dirname, '..');

export const startUp: Bench = {
  id: 'P10',
  title: '`npm start` of an installed clone to "ready"',
  measure: async ({ runs }) => {
    const taken = await repeated(runs, async () => {
      const home = mkdtempSync(join(tmpdir(), 'kora-wake-bench-home-'));
      const start = performance.now();
      const child = spawn('npm', ['start'], {
        cwd: root,
        env: { PATH: process.env.PATH, HOME: home, KORA_HOME: home, KORA_API_PORT: '0' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      const ready = new Promise<{ whole: number; own: number }>((resolve, reject) => {
        child.once('close', () => reject(new Error('npm start ended')));
        createInterface({ input: child.stdout }).on('line', (line) => {
          const own = /Kora Wake is ready \(([\d.]+) s\)/.exec(line)?.[1];
          if (own) resolve({ whole: (performance.now() - start) / 1_000, own: Number(own) });
        });
      });
      try {
        return await ready;
      } finally {
        child.kill('SIGTERM');
        await ended;
        rmSync(home, { recursive: true });
      }
    });
    return {
      figures: [
        { label: 'total', values: taken.map(({ whole }) => whole), unit: 's', goal: { atMost: 3 } },
        {
          label: 'npm, and the check that all is installed and built',
          values: taken.map(({ whole, own }) => whole - own),
          unit: 's',
        },
        { label: 'Redis and the three apps', values: taken.map(({ own }) => own), unit: 's' },
      ],
      notes: ['With a private Redis and an empty home folder. The first figure is the sum of the other two.'],
    };
  },
};
