/** Errors at the start of an app: configuration, files and ports. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished } from 'vitest';
import { environment } from '../support/doubles.ts';
import { test } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

describe('a configuration error is one sentence, exit code 1 and no stack trace', () => {
  test.for<['tailer' | 'worker' | 'api', Record<string, string>, string]>([
    ['tailer', { KORA_AUDIT_LOG_PATH: '/' }, 'the audit log / cannot be read (it is not a regular file)'],
    [
      'tailer',
      { KORA_AUDIT_LOG_PATH: '/dev/null/x/log.jsonl' },
      'the audit log /dev/null/x/log.jsonl cannot be read (ENOTDIR)',
    ],
    ['worker', { KORA_SYSTEM_PROMPT_PATH: '/nonexistent' }, 'KORA_SYSTEM_PROMPT_PATH: /nonexistent cannot be read'],
    ['worker', { KORA_SYSTEM_PROMPT_PATH: '/dev/null' }, 'KORA_SYSTEM_PROMPT_PATH: /dev/null is empty'],
    ['api', { KORA_API_HOST: '0.0.0.0' }, 'set KORA_API_TOKEN'],
    [
      'api',
      { KORA_API_HOST: '192.0.2.1', KORA_API_TOKEN: 'a-token-of-this-test' },
      'cannot listen on 192.0.2.1:0 (EADDRNOTAVAIL)',
    ],
    ['worker', { REDIS_URL: 'x', LOG_LEVEL: 'y' }, 'the configuration is not usable:\n  REDIS_URL must'],
  ])('%s with %j', async ([app, env, sentence], { ns, logPath }) => {
    const running = runApp(app, environment(ns, logPath, env));
    expect(await running.exited).toBe(1);
    expect(running.stderr()).toContain(`kora-wake ${app}: `);
    expect(running.stderr()).toContain(sentence);
    expect(running.stderr()).not.toMatch(/^\s+at |hunter2/m);
    expect(running.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test.for(['tailer', 'worker', 'api'] as const)('a wrong password stops the %s', async (app, { ns, logPath }) => {
    const { host } = new URL(ns.redisUrl);
    const running = runApp(app, environment(ns, logPath, { REDIS_URL: `redis://nobody:hunter2@${host}` }));
    expect(await running.exited).toBe(1);
    expect(running.stderr()).toBe(
      `kora-wake ${app}: Redis at redis://nobody:***@${host} refuses the credentials in REDIS_URL. Correct the user name and password there.\n`,
    );
    expect(running.lines).toEqual([]);
  });

  test('a port in use', async ({ ns, logPath }) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      taken.once('listening', resolve);
    });
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const api = runApp('api', environment(ns, logPath, { KORA_API_PORT: String(port) }));
    expect(await api.exited).toBe(1);
    expect(api.stderr()).toBe(
      `kora-wake api: port ${port} on 127.0.0.1 is in use. Stop what uses it, or set KORA_API_PORT to another.\n`,
    );
  });

  test('but an invalid value of a setting of the original only warns, and the default is used', async ({
    ns,
    logPath,
  }) => {
    const tailer = runApp('tailer', environment(ns, logPath, { KORA_PROBE_DEBOUNCE_SECONDS: 'soon' }));
    const { msg, level } = await tailer.until('config.warning');
    expect(level).toBe(40);
    expect(msg).toMatch(/KORA_PROBE_DEBOUNCE_SECONDS.*600/);
    await tailer.until('tailer.following');
  });
});
