/** The private Redis: one per folder, found by other commands, and never left behind. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { eventually, ownServer, test } from '../../../test/support/fixtures.ts';
import { freePort } from '../../../test/support/ports.ts';
import { redisProcess } from '../../../test/support/redis-process.ts';
import { startGuarded } from '../src/guarded-process.ts';
import { runningRedisUrl, startRedis } from '../src/private-redis.ts';
import { commandConfig } from '../src/redis-settings.ts';

/** Starts a private Redis from another process. */
async function startFromOwner(folder: string) {
  const module = JSON.stringify(join(import.meta.dirname, '..', 'dist', 'private-redis.js'));
  const script = `
    const { startRedis } = await import(${module});
    const { url } = await startRedis(process.argv[1], 0);
    console.log(url);
    setInterval(() => undefined, 60_000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void owner.kill('SIGKILL'));
  const url = await new Promise<string>((resolve) => createInterface({ input: owner.stdout }).once('line', resolve));
  return { owner, url, pid: readAddress(folder).pid };
}

function readAddress(folder: string): { pid: number; port: number; owner: number } {
  return JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8'));
}

/** The configuration of a command. */
function configOf(env: Record<string, string>) {
  return commandConfig(env, { out: () => undefined, err: () => undefined, onStop: () => undefined });
}

/** True if no process has this id. */
function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

describe('a private Redis', () => {
  test('ends when its owner is killed with SIGKILL', async ({ folder }) => {
    const { owner, pid } = await startFromOwner(folder);
    expect(isGone(pid)).toBe(false);
    owner.kill('SIGKILL');
    await eventually(() => isGone(pid));
  });

  test('keeps its data for the start after its owner was killed', async ({ folder }) => {
    const first = await startFromOwner(folder);
    const redis = new Redis(first.url);
    await redis.set('key', 'value');
    redis.disconnect();
    first.owner.kill('SIGKILL');
    await new Promise((resolve) => first.owner.once('exit', resolve));

    const second = await startRedis(folder, 0);
    onTestFinished(() => second.stop());
    expect(second.adopted).toBe(false);
    const again = new Redis(second.url);
    expect(await again.get('key')).toBe('value');
    again.disconnect();
  });

  test('is shared with a second start while its owner runs, and only the owner stops it', async ({ folder }) => {
    const { url, pid } = await startFromOwner(folder);
    const second = await startRedis(folder, 0);
    expect(second).toMatchObject({ url, adopted: true });
    await second.stop();
    expect(isGone(pid)).toBe(false);
  });

  test('is gone, with its address, after stop', async ({ folder }) => {
    const redis = await startRedis(folder, 0);
    const { pid } = readAddress(folder);
    await redis.stop();
    expect(isGone(pid)).toBe(true);
    expect(await runningRedisUrl(folder)).toBeUndefined();
  });
});

describe('the password of a private Redis', () => {
  test('is required, is kept for the next start, and is not an argument of the process', async ({ folder }) => {
    const first = await startRedis(folder, 0);
    const { pid, port } = readAddress(folder);
    const stranger = new Redis(port, '127.0.0.1', { enableReadyCheck: false });
    stranger.on('error', () => undefined);
    await expect(stranger.flushall()).rejects.toThrow('NOAUTH');
    stranger.disconnect();
    const { password } = new URL(first.url);
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(password);
    await first.stop();

    const second = await startRedis(folder, 0);
    onTestFinished(() => second.stop());
    expect(new URL(second.url).password).toBe(password);
  });

  test('is missing for a server of version 0.2, which is still found and used', async ({ folder }) => {
    const { port, pid } = await ownServer(redisProcess(folder));
    const written = { pid: pid(), port, owner: process.pid };
    writeFileSync(join(folder, 'server.json'), JSON.stringify(written));
    expect(await runningRedisUrl(folder)).toBe(`redis://127.0.0.1:${port}`);
    expect(await startRedis(folder, 0)).toMatchObject({ url: `redis://127.0.0.1:${port}`, adopted: true });
  });

  test('protects the data of version 0.2 from the next start on, and other users cannot open it', async ({
    folder,
  }) => {
    const old = await ownServer(redisProcess(folder));
    const before = new Redis(old.port);
    await before.set('key', 'value');
    before.disconnect();
    await old.kill('SIGTERM');
    const aof = join(folder, 'appendonlydir');
    const file = join(aof, 'appendonly.aof.1.incr.aof');
    for (const path of [folder, aof]) chmodSync(path, 0o755);
    chmodSync(file, 0o644);

    const redis = await startRedis(folder, 0);
    onTestFinished(() => redis.stop());
    const after = new Redis(redis.url);
    expect(await after.get('key')).toBe('value');
    after.disconnect();
    expect([folder, aof, file].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['700', '700', '600']);
  });
});

describe('the address of the private Redis', () => {
  test('is used by commands if REDIS_URL is not set', async ({ folder }) => {
    const redis = await startRedis(join(folder, 'redis'), 0);
    onTestFinished(() => redis.stop());
    expect(await configOf({ KORA_HOME: folder })).toMatchObject({ redisUrl: redis.url });
    expect(await configOf({ KORA_HOME: folder, REDIS_URL: 'redis://elsewhere:1' })).toMatchObject({
      redisUrl: 'redis://elsewhere:1',
    });
    expect(statSync(join(folder, 'redis', 'server.json')).mode & 0o777).toBe(0o600);
  });

  test.for<[string, (port: number) => string]>([
    ['is not JSON', () => 'x'],
    ['names no port', () => '{"pid": 1}'],
    ['names a port on which nothing listens', (port) => JSON.stringify({ pid: process.pid, port, owner: process.pid })],
  ])('is ignored if the file %s', async ([, content], { folder }) => {
    mkdirSync(join(folder, 'redis'));
    writeFileSync(join(folder, 'redis', 'server.json'), content(await freePort()));
    expect(await configOf({ KORA_HOME: folder })).toMatchObject({ redisUrl: 'redis://127.0.0.1:6379' });
  });

  test('is ignored if the Redis on that port has its data in another folder', async ({ folder }) => {
    const other = await startRedis(join(folder, 'other'), 0);
    onTestFinished(() => other.stop());
    mkdirSync(join(folder, 'redis'));
    writeFileSync(join(folder, 'redis', 'server.json'), JSON.stringify(readAddress(join(folder, 'other'))));
    expect(await runningRedisUrl(join(folder, 'redis'))).toBeUndefined();
  });
});

test('a guarded process gives its exit code to the guard', async () => {
  const { guard } = await startGuarded('/bin/sh', ['-c', 'exit 7']);
  const code = guard.exitCode ?? (await new Promise((resolve) => guard.once('exit', resolve)));
  expect(code).toBe(7);
});
