/** `npm start`: one terminal with everything in it. Redis where there is none, the three apps, their logs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Config, loadConfig } from '@kora-wake/shared/runtime/config';
import { errorReason, listenFailure, StartupError } from '@kora-wake/shared/runtime/errors';
import { makeFolder } from '@kora-wake/shared/runtime/folders';
import { prettyStream } from '@kora-wake/shared/runtime/log';
import { checkRedis } from '@kora-wake/shared/runtime/redis';
import { redactedUrl } from '@kora-wake/shared/runtime/redis-url';
import { type PrivateRedis, startRedis, tryListen } from '../private-redis.ts';

const APPS = ['tailer', 'worker', 'api'] as const;
/** A terminal sends Ctrl-C to every process of the group, and npm sends it on once more: that is one signal, ms. */
const SAME_SIGNAL_MS = 500;

const started = performance.now();
const children: ChildProcess[] = [];
let starting: Promise<PrivateRedis> | undefined;
let redis: PrivateRedis | undefined;
let stoppingSince: number | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

try {
  await start();
} catch (error) {
  if (!(error instanceof StartupError)) throw error;
  if (stoppingSince === undefined) console.error(`kora-wake: ${error.message}`);
  await stop(1);
}

async function start(): Promise<void> {
  const { config } = loadConfig(process.env);
  const own = process.env.REDIS_URL?.trim() ? [] : [join(config.home, 'redis')];
  for (const folder of [...own, dirname(config.auditLogPath)]) await canWrite(folder);
  const { host, port } = config.api;
  await tryListen(port, host).catch((error: unknown) => {
    throw new StartupError(listenFailure(error, host, port), { cause: error });
  });
  const env = { ...process.env, REDIS_URL: await redisUrl(config) };
  if (stoppingSince !== undefined) return;
  const log = prettyStream(process.stdout);
  await Promise.all(APPS.map((app) => run(app, env, log)));
  if (stoppingSince === undefined) console.log(banner(config, env.REDIS_URL));
}

/** Where Redis is: the one that was named, if it answers, or else a private one. */
async function redisUrl(config: Config): Promise<string> {
  if (process.env.REDIS_URL?.trim()) {
    await checkRedis(config.redisUrl);
    return config.redisUrl;
  }
  starting = startRedis(join(config.home, 'redis'), 6379);
  redis = await starting;
  return redis.url;
}

/** Starts one app; resolves when it says that it is ready. */
async function run(app: string, env: NodeJS.ProcessEnv, log: NodeJS.WritableStream): Promise<void> {
  // Their own group: a signal reaches them once, from here. The channel tells them when we are gone.
  const child = spawn(process.execPath, ['--enable-source-maps', join('apps', app, 'dist', 'main.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  children.push(child);
  createInterface({ input: child.stdout! }).on('line', (line) => log.write(`${line}\n`));
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => {
      const sentence = `the ${app} ended (exit code ${code}), for the reason that stands above; stopping the others.`;
      reject(new StartupError(sentence));
      if (stoppingSince === undefined) console.error(`kora-wake: ${sentence}`);
      void stop(1);
    });
  });
}

function onSignal(): void {
  if (stoppingSince === undefined) {
    console.log('\nStopping: work in hand may end, up to 20 seconds. Ctrl-C again forces.');
    void stop(0);
  } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Stops the apps, then Redis, then this process. */
async function stop(code: number): Promise<void> {
  if (stoppingSince !== undefined) return;
  stoppingSince = performance.now();
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }),
  );
  await (await starting?.catch(() => undefined))?.stop();
  process.exit(children.some((child) => child.exitCode !== 0) ? 1 : code);
}

async function canWrite(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    await readdir(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new StartupError(
      `the folder ${folder} cannot be written (${errorReason(error)}). Set KORA_HOME to one that can.`,
      {
        cause: error,
      },
    );
  }
}

function banner(config: Config, url: string): string {
  const { host, port, token } = config.api;
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const rows = [
    ['audit log', config.auditLogPath],
    [
      'redis',
      `${redactedUrl(url)}${redis ? `  (${redis.adopted ? 'of an earlier start' : 'started here'}; data in ${join(config.home, 'redis')})` : ''}`,
    ],
    ['console', port === 0 ? 'see "listening" above' : `${base}${token ? '   (asks for the token)' : ''}`],
    [
      'engine',
      config.anthropic.credential
        ? config.models.normal.model
        : 'no key set, DMs say engine_unavailable  (set ANTHROPIC_API_KEY)',
    ],
    [
      'slack',
      config.slack.botToken
        ? config.slack.operatorUserId
          ? 'on'
          : 'nobody to tell: each DM becomes a dead letter  (set KORA_SLACK_OPERATOR_USER_ID)'
        : 'no token set, DMs are printed here  (set KORA_SLACK_BOT_TOKEN and KORA_SLACK_OPERATOR_USER_ID)',
    ],
  ];
  return `
Kora Wake is ready (${((performance.now() - started) / 1000).toFixed(1)} s).

${rows.map(([name = '', value]) => `  ${name.padEnd(10)} ${value}`).join('\n')}

Write a first wake, in another terminal:

  npm run wake -- --probe fly --category service_unhealthy --severity critical --title "Fly app unreachable: HTTP 401"

Ctrl-C stops everything.
`;
}
