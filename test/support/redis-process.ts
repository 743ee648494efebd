/** A Redis server as a process that a test can kill, start again and damage. It ends with the test process. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type GuardedProcess, startGuarded } from '../../apps/cli/src/guarded-process.ts';
import { redisServer } from '../../apps/cli/src/redis-program.ts';
import { freePort } from './ports.ts';

export interface RedisProcess {
  port: number;
  folder: string;
  pid(): number;
  /** Starts it, always on the same port and data, and waits until it has loaded the data. */
  start(): Promise<void>;
  /** Sends it a signal that ends it, and waits until it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Cuts incomplete commands and transactions off the append-only file, as the documentation of Redis tells operators to. */
  repair(): void;
}

const START_MS = 15_000;

/**
 * @param args further arguments of redis-server; AOF is on, as in production
 */
export async function redisProcess(folder: string, args: string[] = []): Promise<RedisProcess> {
  const data = ['--dir', folder, '--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'];
  return running(folder, [...data, ...args]);
}

/** A Sentinel. @param rules lines of its configuration file, which it rewrites */
export async function sentinelProcess(folder: string, rules: string[]): Promise<RedisProcess> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `${rules.join('\n')}\n`);
  return running(folder, ['--dir', folder, '--sentinel'], file);
}

async function running(folder: string, options: string[], file?: string): Promise<RedisProcess> {
  mkdirSync(folder, { recursive: true });
  const server = redisServer();
  const port = await freePort();
  let current: GuardedProcess | undefined;
  const args = [...(file ? [file] : []), '--port', String(port), '--bind', '127.0.0.1', ...options];
  async function start(): Promise<void> {
    const started = await startGuarded(server, args);
    current = started;
    started.guard.stdout?.resume();
    const probe = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
    probe.on('error', () => undefined);
    const answered = probe.ping().then(() => true);
    const ended = new Promise<boolean>((resolve) => {
      started.guard.once('exit', () => resolve(false));
    });
    const isUp = await Promise.race([answered, ended, sleep(START_MS, false, { ref: false })]);
    probe.disconnect();
    if (!isUp) throw new Error(`redis-server on port ${port} did not start`);
  }
  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (!current || current.guard.exitCode !== null || current.guard.signalCode !== null) return;
    const { guard, pid } = current;
    const ended = new Promise((resolve) => {
      guard.once('exit', resolve);
    });
    // The guard does not keep this process alive, which must not end before the server has.
    guard.ref();
    process.kill(pid, signal);
    await ended;
  }
  function repair(): void {
    const manifest = join(folder, 'appendonlydir', 'appendonly.aof.manifest');
    execFileSync(server.replace('-server', '-check-aof'), ['--fix', manifest], { input: 'y\n', stdio: 'pipe' });
  }
  await start();
  return { port, folder, pid: () => current?.pid ?? 0, start, kill, repair };
}
