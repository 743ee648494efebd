/** `npm run dev`: everything from source. Compiles on change, restarts the apps, and serves the console through Vite. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@kora-wake/shared/runtime/config';
import { APP_NAMES, type AppName } from '@kora-wake/shared/runtime/env-table';
import type { LogOutput } from '@kora-wake/shared/runtime/log-output';
import { checkRedis } from '@kora-wake/shared/runtime/redis';
import { redactedUrl } from '@kora-wake/shared/runtime/redis-url';
import { createServer } from 'vite';
import { type AppProcess, startApp } from '../apps/cli/src/app-process.ts';
import { defineCommand, type Env, type Io } from '../apps/cli/src/command.ts';
import { startRedis, tryListen } from '../apps/cli/src/private-redis.ts';
import { redisFolder } from '../apps/cli/src/redis-settings.ts';
import { terminalLog } from '../apps/cli/src/terminal-log.ts';
import { runScript } from './script.ts';

const root = join(import.meta.dirname, '..');
/** Editors and the compiler write several files at once: a change counts when they have been quiet for this long, ms. */
const QUIET_MS = 300;
const REDIS_PORT = 6379;
/** Paths that the API serves. Vite serves the others. */
const API_PATHS = ['/v1', '/metrics', '/docs', '/admin', '/healthz', '/readyz'];

await runScript(
  defineCommand({
    name: 'dev',
    summary: 'Runs Redis, the apps and the console from source, and restarts an app when its code changes.',
    usage: '',
    details: ['If REDIS_URL is not set, it starts a private Redis as "npm start" does. Ctrl-C stops everything.'],
    options: {},
    run: async (_input, env, io) => dev(env, io),
  }),
);

async function dev(env: Env, io: Io): Promise<number> {
  const stopped = Promise.withResolvers<void>();
  io.onStop(() => stopped.resolve());
  const closers: Array<() => Promise<unknown>> = [];
  try {
    await Promise.race([startAll(env, io, closers), stopped.promise]);
    await stopped.promise;
  } finally {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  }
  return 0;
}

/** @param closers takes the functions that stop Redis, the apps, the compiler and Vite, in the order of their start */
async function startAll(env: Env, io: Io, closers: Array<() => Promise<unknown>>): Promise<void> {
  const { config } = loadConfig(env);
  let { redisUrl } = config;
  if (env.REDIS_URL?.trim()) await checkRedis(redisUrl);
  else {
    const redis = await startRedis(redisFolder(config), REDIS_PORT);
    closers.push(redis.stop);
    redisUrl = redis.url;
  }
  const apiPort = config.api.port || (await tryListen(0));
  const appEnv = { ...env, REDIS_URL: redisUrl, KORA_API_PORT: String(apiPort) };
  const log = terminalLog(io);
  const apps = APP_NAMES.map((name) => restartingApp(name, appEnv, log, io));
  closers.push(() => Promise.all(apps.map((app) => app.stop())));
  closers.push(startCompiler(io));
  const { basePath } = config.api;
  const target = `http://127.0.0.1:${apiPort}`;
  const vite = await createServer({
    root: join(root, 'apps', 'console'),
    base: `${basePath}/`,
    server: {
      host: '127.0.0.1',
      proxy: Object.fromEntries(API_PATHS.map((path) => [`${basePath}${path}`, { target }])),
    },
  });
  closers.push(() => vite.close());
  await vite.listen();
  await Promise.all(apps.map((app) => app.ready));
  io.out(`
Kora Wake runs from source.

  console    ${vite.resolvedUrls?.local[0] ?? ''}
  api        ${target}${basePath}
  redis      ${redactedUrl(redisUrl)}
  audit log  ${config.auditLogPath}

An app restarts when its code or the shared code changes. Ctrl-C stops everything.
`);
}

/**
 * Compiles when a source file changes. The build before this start was complete, so only changes are compiled. The watch
 * mode of tsc is not used: it can take 20 s to notice a change.
 */
function startCompiler(io: Io): () => Promise<unknown> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const projects = APP_NAMES.map((app) => join('apps', app));
  const compile = async () => {
    const compiler = spawn(process.execPath, [tsc, '-b', ...projects], { cwd: root, stdio: 'inherit' });
    const [code] = await once(compiler, 'exit');
    if (code !== 0) io.err('Not compiled; the apps go on with the last build.');
  };
  const folders = [...projects, join('packages', 'shared')].map((folder) => join(folder, 'src'));
  return onChange(folders, /\.ts$/, compile);
}

/**
 * Runs `act` after files whose name matches have changed and then been quiet for {@link QUIET_MS}; never twice at once.
 *
 * @returns a function that stops watching and waits for a running `act`
 */
function onChange(folders: string[], name: RegExp, act: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const watchers = folders.map((folder) =>
    watch(join(root, folder), { recursive: true }, (_event, file) => {
      if (!file || !name.test(file)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        running = running.then(act);
      }, QUIET_MS);
    }),
  );
  return async () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    await running;
  };
}

/** An app that restarts when its build, the build of the shared package, or a Lua script changes. */
function restartingApp(name: AppName, env: NodeJS.ProcessEnv, log: LogOutput, io: Io) {
  let app: AppProcess = startApp(name, env, log);
  const ready = app.ready;
  const shared = join('packages', 'shared');
  const folders = [join('apps', name, 'dist'), join(shared, 'dist'), join(shared, 'lua')];
  const stopWatching = onChange(folders, /\.(?:js|lua)$/, async () => {
    io.out(`Restarting the ${name}.`);
    await app.stop();
    app = startApp(name, env, log);
  });
  const stop = async () => {
    await stopWatching();
    await app.stop();
  };
  return { ready, stop };
}
