/**
 * A private Redis for machines without one: on loopback, with a password and its own data folder. It ends with the process that
 * started it.
 */
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { z } from 'zod';
import { type GuardedProcess, startGuarded } from './guarded-process.ts';
import { makePrivate } from './privacy.ts';
import { readPassword, writePassword } from './redis-password.ts';
import { redisServer } from './redis-program.ts';

export interface PrivateRedis {
  /** With its password, unless version 0.2 started it. */
  url: string;
  /** True if another running process started it. Then `stop` leaves it running. */
  adopted: boolean;
  stop(): Promise<void>;
}

/** The address file in the data folder. */
const address = z.object({
  pid: z.int().positive(),
  port: z.int().positive(),
  /** Process id of the process that started it. */
  owner: z.int().positive(),
});
type Address = z.infer<typeof address>;

interface Found extends Address {
  /** Undefined for a server that version 0.2 started: it has no password. */
  password: string | undefined;
}

const ADDRESS_FILE = 'server.json';
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Starts a Redis with its data in the folder `path`: AOF, no eviction, loopback only, with a password. If another running
 * process has started one there, uses that one, because two servers must never share a folder.
 *
 * The folder and the files in it become private to this user.
 *
 * @param preferredPort used if it is free, otherwise any free port
 * @throws StartupError if there is no server program and it cannot be installed, or if it does not start
 */
export async function startRedis(path: string, preferredPort: number): Promise<PrivateRedis> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = realpathSync(path);
  makePrivate(folder);
  const running = await findRunning(folder);
  if (running && isAlive(running.owner)) {
    return { url: urlOf(running), adopted: true, stop: async () => undefined };
  }
  // The owner is gone, so the guard is ending this server. Its data stays in the folder.
  if (running) await stopByPid(running.pid, folder);

  const server = redisServer();
  const port = await freePort(preferredPort);
  const { password, configFile } = writePassword(folder);
  const options = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    'maxmemory-policy': 'noeviction',
    save: '',
  };
  const guarded = await startGuarded(server, [
    configFile,
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ]);
  let output = '';
  guarded.guard.stdout?.on('data', (chunk: Buffer) => {
    output = (output + String(chunk)).slice(-2_000);
  });
  // Written before Redis answers, so that a second start never starts another server in this folder.
  const written: Address = { pid: guarded.pid, port, owner: process.pid };
  writeFileSync(join(folder, ADDRESS_FILE), JSON.stringify(written), { mode: 0o600 });
  if (!(await isReady({ port, password }, guarded))) {
    await stopByPid(guarded.pid, folder);
    throw new StartupError(`${server} did not start. Its output:\n${output.trim()}`);
  }
  return { url: urlOf({ port, password }), adopted: false, stop: () => stopByPid(guarded.pid, folder) };
}

/** URL of the private Redis that runs with its data in the folder `path`, or undefined. */
export async function runningRedisUrl(path: string): Promise<string | undefined> {
  try {
    const running = await findRunning(realpathSync(path));
    return running && urlOf(running);
  } catch {
    // no such folder
    return undefined;
  }
}

type Login = Pick<Found, 'port' | 'password'>;

function urlOf({ port, password }: Login): string {
  return `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`;
}

/** The server in this folder, if it runs: a stale file, or another Redis on the same port, does not count. */
async function findRunning(folder: string): Promise<Found | undefined> {
  try {
    const found = address.parse(JSON.parse(readFileSync(join(folder, ADDRESS_FILE), 'utf8')));
    if (!isAlive(found.pid)) return undefined;
    const logins = [
      { ...found, password: undefined },
      { ...found, password: readPassword(folder) },
    ];
    for (const login of logins) {
      const answer = await ask(login, 'CONFIG GET dir');
      if (answer.split('\r\n').includes(folder)) return login;
    }
  } catch {
    // no file, not a valid file, or no answer
  }
  return undefined;
}

async function stopByPid(pid: number, folder: string): Promise<void> {
  const until = performance.now() + STOP_TIMEOUT_MS;
  signal(pid, 'SIGTERM');
  while (isAlive(pid) && performance.now() < until) await sleep(20);
  signal(pid, 'SIGKILL');
  rmSync(join(folder, ADDRESS_FILE), { force: true });
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    // it has ended
    return false;
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

async function freePort(preferred: number): Promise<number> {
  return tryListen(preferred).catch(() => tryListen(0));
}

/** Listens for a moment. Resolves with the port (0 asks for any free one); rejects if nothing can listen there. */
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

async function isReady(login: Login, { guard }: GuardedProcess): Promise<boolean> {
  const until = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < until && guard.exitCode === null) {
    if ((await ask(login, 'PING').catch(() => '')).includes('+PONG')) return true;
    await sleep(20);
  }
  return false;
}

/** Sends one command in Redis's inline form and returns the raw answers to it, to AUTH and to QUIT. */
function ask({ port, password }: Login, command: string): Promise<string> {
  const commands = [...(password === undefined ? [] : [`AUTH ${password}`]), command, 'QUIT'];
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${commands.join('\r\n')}\r\n`));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (data: Buffer) => {
      answer += String(data);
    });
    socket.once('end', () => resolve(answer));
    socket.once('error', reject);
  });
}
