/** The private Redis: one per folder, found by other commands, and never left behind. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { eventually, test } from '../../../test/support/fixtures.ts';
import { startGuarded } from '../src/guarded-process.ts';
import { runningRedisUrl, startRedis, tryListen } from '../src/private-redis.ts';
import { commandConfig } from '../src/settings.ts';

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

describe('the address of the private Redis', () => {
  test('is used by commands if REDIS_URL is not set', async ({ folder }) => {
    const redis = await startRedis(join(folder, 'redis'), 0);
    onTestFinished(() => redis.stop());
    expect(await commandConfig({ KORA_HOME: folder })).toMatchObject({ redisUrl: redis.url });
    expect(await commandConfig({ KORA_HOME: folder, REDIS_URL: 'redis://elsewhere:1' })).toMatchObject({
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
    writeFileSync(join(folder, 'redis', 'server.json'), content(await tryListen(0)));
    expect(await commandConfig({ KORA_HOME: folder })).toMatchObject({ redisUrl: 'redis://127.0.0.1:6379' });
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
