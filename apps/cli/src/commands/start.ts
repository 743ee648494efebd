/** `kora-wake start`: runs the three apps in one terminal and shows their logs. Without REDIS_URL it also starts a private Redis. */
import { accessSync, constants, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Config, loadConfig } from '@kora-wake/shared/runtime/config';
import { createLog } from '@kora-wake/shared/runtime/create-log';
import { APP_NAMES } from '@kora-wake/shared/runtime/env-table';
import { errorReason, listenFailure, StartupError } from '@kora-wake/shared/runtime/errors';
import { makeFolder } from '@kora-wake/shared/runtime/folders';
import { checkRedis } from '@kora-wake/shared/runtime/redis';
import { type AppProcess, startApp } from '../app-process.ts';
import { banner } from '../banner.ts';
import { defineCommand, type Env, type Io } from '../command.ts';
import { type PrivateRedis, startRedis, tryListen } from '../private-redis.ts';
import { redisFolder } from '../redis-settings.ts';
import { terminalLog } from '../terminal-log.ts';

/** The terminal sends Ctrl-C to the whole process group and npm passes it on: within this time it is one signal, ms. */
const SAME_SIGNAL_MS = 500;
const REDIS_PORT = 6379;
/** Size at which the log in KORA_HOME is rotated, MiB. */
const LOG_MAX_MIB = '64';

export const command = defineCommand({
  name: 'start',
  summary: 'Runs everything in this terminal: Redis, tailer, worker and API.',
  usage: '',
  details: [
    'If REDIS_URL is not set, it starts a private Redis with its data in KORA_HOME.',
    'Only this user can open the files and folders that it creates.',
    'Ctrl-C stops everything. Exit code: 0 stopped as asked, 1 could not start, or an app crashed.',
  ],
  options: {},
  run: async (_input, env, io) => start(env, io),
});

async function start(env: Env, io: Io): Promise<number> {
  const startedAt = performance.now();
  const apps: AppProcess[] = [];
  const stopped = Promise.withResolvers<number>();
  let stoppingSince: number | undefined;
  let redis: Promise<PrivateRedis | undefined> = Promise.resolve(undefined);

  function stop(code: number): void {
    stoppingSince ??= performance.now();
    stopped.resolve(code);
  }

  /** Stops everything if this app ends before it was asked to stop. */
  async function stopWith(name: string, app: AppProcess): Promise<void> {
    const code = await app.ended;
    if (stoppingSince !== undefined) return;
    const how = code === null ? 'was killed by a signal' : `ended with exit code ${code}`;
    io.err(`kora-wake: the ${name} ${how}; see its log above. Stopping the others.`);
    stop(1);
  }

  io.onStop(() => {
    if (stoppingSince === undefined) {
      io.out('\nStopping. Apps get up to 20 s to finish the work they have begun; Ctrl-C again ends them at once.');
      stop(0);
    } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) {
      for (const { child } of apps) child.kill('SIGKILL');
    }
  });

  async function startAll(): Promise<void> {
    const { config } = loadConfig(env);
    const isPrivate = !env.REDIS_URL?.trim();
    await assertUsable(config, isPrivate);
    if (isPrivate) redis = startRedis(redisFolder(config), REDIS_PORT);
    else await checkRedis(config.redisUrl);
    const own = await redis;
    const redisUrl = own?.url ?? config.redisUrl;
    if (stoppingSince !== undefined) return;
    const log = terminalLog(io);
    const ready = await Promise.all(
      APP_NAMES.map(async (name) => {
        const app = startApp(name, { ...env, ...rotation(config, env), REDIS_URL: redisUrl }, log);
        apps.push(app);
        void stopWith(name, app);
        return app.ready;
      }),
    );
    if (ready.every(Boolean) && stoppingSince === undefined) {
      io.out(banner(config, redisUrl, own, (performance.now() - startedAt) / 1_000));
    }
  }

  let unexpected: unknown;
  // A signal does not wait for the start: an app may be waiting for Redis.
  await Promise.race([startAll(), stopped.promise]).catch((error: unknown) => {
    if (!(error instanceof StartupError)) unexpected = error;
    else if (stoppingSince === undefined) io.err(`kora-wake: ${error.message}`);
    stop(1);
  });
  const code = await stopped.promise;
  await Promise.all(apps.map((app) => app.stop()));
  await (await redis.catch(() => undefined))?.stop();
  if (unexpected !== undefined) throw unexpected;
  return apps.some(({ child }) => child.exitCode !== 0) ? 1 : code;
}

/** A log in KORA_HOME is ours, so nobody else rotates it. */
function rotation({ createsLogFolder }: Config, { KORA_AUDIT_LOG_MAX_MIB: given }: Env): Env {
  return createsLogFolder && !given?.trim() ? { KORA_AUDIT_LOG_MAX_MIB: LOG_MAX_MIB } : {};
}

/** @throws StartupError if a folder is not writable or the port of the API is in use, before anything is started */
async function assertUsable(config: Config, isPrivateRedis: boolean): Promise<void> {
  const { auditLogPath, createsLogFolder } = config;
  if (isPrivateRedis) await assertWritable(redisFolder(config));
  await assertWritable(dirname(auditLogPath), createsLogFolder);
  // A log in KORA_HOME is ours. Another one is left to its probes, and the tailer waits for it.
  if (createsLogFolder && !existsSync(auditLogPath)) await createLog(auditLogPath);
  const { host, port } = config.api;
  await tryListen(port, host).catch((error: unknown) => {
    throw new StartupError(listenFailure(error, host, port), { cause: error });
  });
}

async function assertWritable(folder: string, createsFolder = true): Promise<void> {
  try {
    if (createsFolder) await makeFolder(folder);
    await readdir(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new StartupError(
      `cannot write to the folder ${folder} (${errorReason(error)}). Set KORA_HOME or KORA_AUDIT_LOG_PATH to a writable place.`,
      { cause: error },
    );
  }
}
