/** `npm start` and `npm run wake` as a person uses them, Redis and all. */
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { tryListen } from '../../apps/cli/src/private-redis.ts';
import { eventually, rowsOf, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';

const WAKE = [
  '--probe',
  'fly',
  '--category',
  'service_unhealthy',
  '--severity',
  'critical',
  '--title',
  'Fly app unreachable: HTTP 401',
];

test('npm start serves a first wake without any credential, and leaves nothing running', async ({ folder }) => {
  const env = { KORA_HOME: folder, KORA_API_PORT: String(await tryListen(0)) };
  const start = runScript('apps/cli/dist/main.js', ['start'], env);
  await start.untilText('Kora Wake is ready');
  await start.untilText('npm run wake -- --probe fly');
  const banner = start.lines.map(({ msg }) => msg).join('\n');
  expect(banner).toContain(join(folder, 'kora_audit_log.jsonl'));
  const redisUrl = /redis:\/\/127\.0\.0\.1:\d+/.exec(banner)?.[0] ?? '';

  const wake = runScript('apps/cli/dist/main.js', ['wake', ...WAKE], env);
  expect(await wake.exited).toBe(0);
  await start.untilText('🚨 Probe alert · fly');
  await start.untilText('engine returned: engine_unavailable');
  const [row] = rowsOf(join(folder, 'kora_audit_log.jsonl'));
  expect(row).toMatchObject({
    seam: 'probe.wake_requested',
    details: { probe: 'fly', title: 'Fly app unreachable: HTTP 401' },
    source: null,
  });

  start.child.kill('SIGINT');
  expect(await start.exited).toBe(0);
  expect(await tryListen(Number(new URL(redisUrl).port))).toBeGreaterThan(0);
  expect(existsSync(join(folder, 'redis', 'server.json'))).toBe(false);
}, 90_000);

test('npm start takes over the Redis that a killed one left, with what it holds', async ({ folder }) => {
  const env = { KORA_HOME: folder, KORA_API_PORT: String(await tryListen(0)) };
  const first = runScript('apps/cli/dist/main.js', ['start'], env);
  await first.untilText('Kora Wake is ready');
  first.child.kill('SIGKILL');
  await first.exited;
  // Its apps notice that it is gone, and stop by themselves.
  await eventually(() => tryListen(Number(env.KORA_API_PORT)).catch(() => undefined));
  const second = runScript('apps/cli/dist/main.js', ['start'], env);
  await second.untilText('Kora Wake is ready');
  await second.untilText('of an earlier start');
  second.child.kill('SIGTERM');
  expect(await second.exited).toBe(0);
}, 90_000);

test.for([
  [{ KORA_API_PORT: 'x' }, 'KORA_API_PORT must be a whole number'],
  [{ REDIS_URL: 'redis://127.0.0.1:1' }, 'refuses the connection'],
  [{ KORA_HOME: '/dev/null/kora' }, 'the folder /dev/null/kora/redis cannot be written (ENOTDIR)'],
] as const)('npm start says in a sentence what is wrong with %j', async ([env, sentence], { folder }) => {
  const start = runScript('apps/cli/dist/main.js', ['start'], { KORA_HOME: folder, KORA_API_PORT: '0', ...env });
  expect(await start.exited).toBe(1);
  expect(start.stderr()).toContain(sentence);
  expect(start.stderr()).toMatch(/^kora-wake: [^]*$/);
  expect(start.stderr().match(/kora-wake/g)).toHaveLength(1);
  expect(start.stderr()).not.toMatch(/^\s+at /m);
});

test('npm start says in a sentence that its port is in use, before it starts anything', async ({ folder }) => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => {
    taken.once('listening', resolve);
  });
  const { port } = taken.address() as AddressInfo;
  const start = runScript('apps/cli/dist/main.js', ['start'], { KORA_HOME: folder, KORA_API_PORT: String(port) });
  expect(await start.exited).toBe(1);
  expect(start.stderr()).toBe(
    `kora-wake: port ${port} on 127.0.0.1 is in use. Stop what uses it, or set KORA_API_PORT to another.\n`,
  );
  expect(existsSync(join(folder, 'redis', 'server.json'))).toBe(false);
});

test('a signal while Redis starts stops that too', async ({ folder }) => {
  const start = runScript('apps/cli/dist/main.js', ['start'], { KORA_HOME: folder, KORA_API_PORT: '0' });
  await eventually(() => existsSync(join(folder, 'redis', 'server.json')));
  const { pid } = JSON.parse(readFileSync(join(folder, 'redis', 'server.json'), 'utf8'));
  start.child.kill('SIGTERM');
  await start.exited;
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test.for([
  [[], '--probe and --category are needed'],
  [['--probe', 'fly', '--what'], "Unknown option '--what'"],
  [['--probe', 'fly', '--category', 'c', '--snapshot', '{'], '--snapshot is not valid JSON'],
] as const)('npm run wake with %j says how it is used', async ([args, sentence], { folder }) => {
  const wake = runScript('apps/cli/dist/main.js', ['wake', ...args], { KORA_HOME: folder });
  expect(await wake.exited).toBe(2);
  expect(wake.stderr()).toContain(sentence);
  expect(wake.stderr()).toContain('usage: npm run wake --');
  expect(existsSync(join(folder, 'kora_audit_log.jsonl'))).toBe(false);
});
