/**
 * A Redis for those who have none running: found on PATH, or installed where that needs no password, and started as
 * a private child on loopback with its own data folder.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '@kora-wake/shared/runtime/errors';

export interface PrivateRedis {
  url: string;
  /** True where an earlier start left it running, and it was taken over. */
  adopted: boolean;
  stop(): Promise<void>;
}

interface Note {
  pid: number;
  port: number;
  /** The process that started it. */
  owner: number;
}

const SERVERS = ['redis-server', 'valkey-server'];
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * Starts a Redis whose data lives in the folder `path`: AOF, nothing evicted, loopback only. Takes over one that an earlier
 * start left there, since two servers must never share a folder.
 *
 * @param preferredPort taken where it is free, else any
 * @throws StartupError where there is no server and none can be installed, or it does not start
 */
export async function startRedis(path: string, preferredPort: number): Promise<PrivateRedis> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // As Redis itself names it, so that one that was left running is known again.
  const folder = realpathSync(path);
  const noteFile = join(folder, 'server.json');
  const left = await leftRunning(noteFile, folder);
  if (left) {
    // Whoever started it may be running still: then it is theirs to stop.
    const stop = isAlive(left.owner) ? async () => undefined : () => stopByPid(left.pid, noteFile);
    return { url: urlOf(left.port), adopted: true, stop };
  }

  const server = redisServer();
  const port = await freePort(preferredPort);
  const options = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    'maxmemory-policy': 'noeviction',
    save: '',
  };
  const child = spawn(
    server,
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    // Its own group: Ctrl-C goes to the apps first, Redis is stopped after them.
    { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
  );
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    said = (said + String(text)).slice(-2_000);
  });
  // Noted before it answers: whatever happens to us, the next start must find it.
  writeFileSync(noteFile, JSON.stringify({ pid: child.pid, port, owner: process.pid }));
  child.unref();
  if (!(await answers(port, child))) {
    await stopByPid(child.pid ?? 0, noteFile);
    throw new StartupError(`${server} did not start; it said:\n${said.trim()}`);
  }
  return { url: urlOf(port), adopted: false, stop: () => stopByPid(child.pid ?? 0, noteFile) };
}

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

async function leftRunning(noteFile: string, folder: string): Promise<Note | undefined> {
  if (!existsSync(noteFile)) return undefined;
  try {
    const { pid, port, owner } = JSON.parse(readFileSync(noteFile, 'utf8'));
    const answer = await ask(Number(port), 'CONFIG GET dir');
    if (isAlive(Number(pid)) && answer.includes(folder))
      return { pid: Number(pid), port: Number(port), owner: Number(owner) };
  } catch {
    // a note that cannot be read names no server
  }
  return undefined;
}

async function stopByPid(pid: number, noteFile: string): Promise<void> {
  const until = performance.now() + STOP_TIMEOUT_MS;
  if (isAlive(pid)) process.kill(pid, 'SIGTERM');
  while (isAlive(pid) && performance.now() < until) await sleep(20);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  rmSync(noteFile, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/**
 * The name of a server program on PATH, installed first where there is none and it needs no password.
 *
 * @throws StartupError that says how to install one
 */
export function redisServer(): string {
  return findServer() ?? installServer();
}

function findServer(): string | undefined {
  return SERVERS.find(onPath);
}

function installServer(): string {
  if (onPath('apt-get') && process.getuid?.() === 0) {
    console.log('No Redis found; installing redis-server with apt (once) …');
    // The run level keeps the package from starting a server of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    try {
      execFileSync('apt-get', ['install', '-y', '-qq', 'redis-server'], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env,
      });
    } catch {
      throw new StartupError(`apt could not install redis-server; its message stands above.\n${HOW_TO}`);
    }
    const installed = findServer();
    if (installed) return installed;
  }
  throw new StartupError(`there is no redis-server or valkey-server on PATH.\n${HOW_TO}`);
}

const HOW_TO = `Install one, or set REDIS_URL to one that runs:
  Debian, Ubuntu   sudo apt-get install redis-server
  macOS            brew install redis
  Docker           docker run -d -p 6379:6379 valkey/valkey:8   and   REDIS_URL=redis://127.0.0.1:6379`;

async function freePort(preferred: number): Promise<number> {
  return tryListen(preferred).catch(() => tryListen(0));
}

/** Listens for a moment; resolves with the port (0 asks for any), rejects where nothing can listen there. */
export async function tryListen(port: number, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  const until = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < until && child.exitCode === null) {
    if ((await ask(port, 'PING').catch(() => '')).startsWith('+PONG')) return true;
    await sleep(20);
  }
  return false;
}

/** Sends one command in Redis's inline form and returns the raw answer. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')));
    socket.once('data', (data: Buffer) => {
      resolve(String(data));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
