/** A Redis server as a process of the test's own: to be killed, started again, and spoiled. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redisServer, tryListen } from '../../apps/cli/src/private-redis.ts';

export interface RedisProcess {
  port: number;
  folder: string;
  pid(): number;
  /** Starts it, again on the same port and data, and waits until it has loaded them. */
  start(): Promise<void>;
  /** Ends it and waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Cuts what its append-only file cannot hold, half transactions included, as its documentation tells operators to. */
  repair(): void;
}

const START_MS = 15_000;

/**
 * @param args more of redis-server's own; AOF is on, as it is for us
 */
export async function redisProcess(folder: string, args: string[] = []): Promise<RedisProcess> {
  const data = ['--dir', folder, '--appendonly', 'yes', '--save', "''", '--maxmemory-policy', 'noeviction'];
  return running(folder, [...data, ...args]);
}

/** A Sentinel. @param rules the lines of its file, which it writes to as well */
export async function sentinelProcess(folder: string, rules: string[]): Promise<RedisProcess> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `${rules.join('\n')}\n`);
  return running(folder, ['--dir', folder, '--sentinel'], file);
}

async function running(folder: string, options: string[], file?: string): Promise<RedisProcess> {
  mkdirSync(folder, { recursive: true });
  const server = redisServer();
  const port = await tryListen(0);
  let child: ChildProcess | undefined;
  const command = [server, ...(file ? [file] : []), '--port', String(port), '--bind', '127.0.0.1'];
  async function start(): Promise<void> {
    // A file that may not grow is then an error to Redis, as a full disk is, and not its end.
    const shell = `trap '' XFSZ; exec ${[...command, ...options].join(' ')}`;
    const started = spawn('/bin/sh', ['-c', shell], { stdio: 'ignore' });
    child = started;
    const probe = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
    probe.on('error', () => undefined);
    const answered = probe.ping().then(() => true);
    const ended = new Promise<boolean>((resolve) => {
      started.once('exit', () => resolve(false));
    });
    const up = await Promise.race([answered, ended, sleep(START_MS, false, { ref: false })]);
    probe.disconnect();
    if (!up) throw new Error(`redis-server on port ${port} did not start`);
  }
  async function kill(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      ending.once('exit', resolve);
    });
    ending.kill(signal);
    await ended;
  }
  function repair(): void {
    const manifest = join(folder, 'appendonlydir', 'appendonly.aof.manifest');
    execFileSync(server.replace('-server', '-check-aof'), ['--fix', manifest], { input: 'y\n', stdio: 'pipe' });
  }
  await start();
  return { port, folder, pid: () => child?.pid ?? 0, start, kill, repair };
}
