/** What a benchmark runs against: a Redis of its own, the built apps as processes, and doubles of both services. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Keys, redisKeys } from '@kora-wake/shared/store/keys';
import { Redis } from 'ioredis';
import { startRedis } from '../apps/cli/src/private-redis.ts';
import { type AppName, appScript, type Running, spawnScript } from '../test/support/spawn.ts';

export interface World {
  /** A place in Redis and on disk that nobody else has; `end` clears both. */
  place(): Promise<Place>;
  /** Ends whatever still runs. */
  close(): Promise<void>;
}

export interface Place {
  prefix: string;
  keys: Keys;
  redis: Redis;
  redisUrl: string;
  folder: string;
  logPath: string;
  /** Starts one of the built apps here, with more of its environment. */
  app(name: AppName, more?: Record<string, string>): Running;
  /** Starts a script of the project here. */
  script(path: string, args: string[], more?: Record<string, string>): Running;
  /** Ends the processes, and removes what they left. */
  end(): Promise<void>;
}

/** How long an app may take to stop before it is killed, ms. */
const STOP_MS = 15_000;

export async function makeWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'kora-wake-bench-'));
  const server = await startRedis(join(root, 'redis'), 0);
  // What is as old as Redis's start, by whole seconds, it may have forgotten: such a wake is looked up before it is told.
  await sleep(2_000);
  const places = new Set<Place>();
  let made = 0;

  async function place(): Promise<Place> {
    const number = made++;
    const prefix = `{bench-${number}}`;
    const folder = join(root, String(number));
    mkdirSync(folder);
    const logPath = join(folder, 'kora_audit_log.jsonl');
    // Redis has sixteen databases; no more than a few places are there at once.
    const redisUrl = `${server.url}/${number % 16}`;
    const redis = new Redis(redisUrl);
    const running: Running[] = [];
    const script = (path: string, args: string[], more: Record<string, string> = {}) => {
      const env = { REDIS_URL: redisUrl, KORA_QUEUE_PREFIX: prefix, KORA_AUDIT_LOG_PATH: logPath, KORA_API_PORT: '0' };
      const started = spawnScript(path, args, { ...env, ...more });
      running.push(started);
      return started;
    };
    const here: Place = {
      prefix,
      keys: redisKeys(prefix),
      redis,
      redisUrl,
      folder,
      logPath,
      app: (name, more) => script(appScript(name), [], more),
      script,
      end: async () => {
        places.delete(here);
        await Promise.all(running.map(stop));
        await redis.flushdb();
        await redis.quit();
        rmSync(folder, { recursive: true });
      },
    };
    places.add(here);
    return here;
  }

  return {
    place,
    close: async () => {
      for (const left of places) await left.end();
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

/** How the double of Slack knows us. */
export const SLACK = { token: 'xoxb-bench', channel: 'U0OPERATOR' };

/** Starts a tailer and a worker that tell through doubles, and waits until both are there. @param more for both */
export async function startTelling(
  place: Place,
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
    place.app('tailer', env).until('tailer.following'),
    place.app('worker', env).until('worker.ready'),
  ]);
}
