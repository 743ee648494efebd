/** The environment of benchmarks: an own Redis, the built apps as processes, and sandboxes for them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppName } from '@kora-wake/shared/runtime/env-table';
import { type Keys, redisKeys } from '@kora-wake/shared/store/keys';
import { Redis } from 'ioredis';
import { startRedis } from '../apps/cli/src/private-redis.ts';
import { appScript, type Running, spawnScript } from '../test/support/spawn.ts';

export interface World {
  /** Creates a separate namespace in Redis and a folder. Its `end` removes both. */
  sandbox(): Promise<Sandbox>;
  /** Ends all sandboxes and Redis. */
  close(): Promise<void>;
}

export interface Sandbox {
  prefix: string;
  keys: Keys;
  redis: Redis;
  redisUrl: string;
  folder: string;
  logPath: string;
  /** Starts one of the built apps, with additional environment variables. */
  app(name: AppName, more?: Record<string, string>): Running;
  /** Starts a script of the project. */
  script(path: string, args: string[], more?: Record<string, string>): Running;
  /** Ends the processes and removes their data. */
  end(): Promise<void>;
}

/** Time until an app that does not stop is killed, ms. */
const STOP_MS = 60_000;

export async function makeWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'kora-wake-bench-'));
  const server = await startRedis(join(root, 'redis'), 0);
  // A wake as old as the start of Redis (to the second) would be looked up in Slack before it is sent.
  await sleep(2_000);
  const sandboxes = new Set<Sandbox>();
  let made = 0;

  async function sandbox(): Promise<Sandbox> {
    const number = made++;
    const prefix = `{bench-${number}}`;
    const folder = join(root, String(number));
    mkdirSync(folder);
    const logPath = join(folder, 'kora_audit_log.jsonl');
    // Redis has 16 databases; only a few sandboxes exist at once.
    const redisUrl = `${server.url}/${number % 16}`;
    const redis = new Redis(redisUrl);
    const running: Running[] = [];
    const script = (path: string, args: string[], more: Record<string, string> = {}) => {
      const env = { REDIS_URL: redisUrl, KORA_QUEUE_PREFIX: prefix, KORA_AUDIT_LOG_PATH: logPath, KORA_API_PORT: '0' };
      const started = spawnScript(path, args, { ...env, ...more });
      running.push(started);
      return started;
    };
    const created: Sandbox = {
      prefix,
      keys: redisKeys(prefix),
      redis,
      redisUrl,
      folder,
      logPath,
      app: (name, more) => script(appScript(name), [], more),
      script,
      end: async () => {
        sandboxes.delete(created);
        await Promise.all(running.map(stop));
        await redis.flushdb();
        await redis.quit();
        rmSync(folder, { recursive: true });
      },
    };
    sandboxes.add(created);
    return created;
  }

  return {
    sandbox,
    close: async () => {
      for (const open of sandboxes) await open.end();
      await server.stop();
      rmSync(root, { recursive: true });
    },
  };
}

/** Ends a process and waits for its end. */
export async function stop({ child, exited }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
}

/** Credentials for the Slack double. */
export const SLACK = { token: 'xoxb-bench', channel: 'U0OPERATOR' };

/** Starts a tailer and a worker with the doubles, and waits until both are ready. @param more environment of both */
export async function startTailerAndWorker(
  sandbox: Sandbox,
  { slack, engine }: { slack: { url: string }; engine: { url: string } },
  more: Record<string, string> = {},
): Promise<void> {
  const env = {
    KORA_SLACK_BOT_TOKEN: SLACK.token,
    KORA_SLACK_OPERATOR_USER_ID: SLACK.channel,
    KORA_SLACK_API_URL: `${slack.url}/api/`,
    ANTHROPIC_API_KEY: 'sk-bench',
    ANTHROPIC_BASE_URL: engine.url,
    ...more,
  };
  await Promise.all([
    sandbox.app('tailer', env).until('tailer.following'),
    sandbox.app('worker', env).until('worker.ready'),
  ]);
}
