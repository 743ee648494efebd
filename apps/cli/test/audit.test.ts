/** `audit` names the Redis and the log that it compared, and refuses to compare a log with a Redis that never had it. */
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { append, test, wakeRow } from '../../../test/support/fixtures.ts';
import { runCommand } from './terminal.ts';

test('audit fails if the log has wake rows and this Redis has no source for the log', async ({ ns, logPath }) => {
  append(logPath, wakeRow());
  const env = { REDIS_URL: ns.redisUrl, KORA_QUEUE_PREFIX: ns.prefix, KORA_AUDIT_LOG_PATH: logPath };
  const { code, out, err } = await runCommand(['audit'], env);
  expect(out).toContain('unaccounted: 0');
  expect(err).toContain('The log has 1 wake rows, but this Redis has no record that a tailer watched this log.');
  expect(code).toBe(1);

  await ns.redis.hset(ns.keys.source(sourceId(logPath)), 'path', logPath);
  expect(await runCommand(['audit'], env)).toMatchObject({ code: 0, err: '' });
});

test('audit prints the Redis without its password, the prefix and the log', async ({ ns, logPath }) => {
  append(logPath, 'not a row');
  const withPassword = ns.redisUrl.replace('redis://', 'redis://default:secret-of-the-test@');
  const { code, out } = await runCommand(['audit'], {
    REDIS_URL: withPassword,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
  });
  const redactedUrl = ns.redisUrl.replace('redis://', 'redis://default:***@');
  expect(out.split('\n')[0]).toBe(`Redis ${redactedUrl}, prefix ${ns.prefix}, log ${logPath}`);
  expect(code).toBe(0);
  expect(out).not.toContain('secret-of-the-test');
});

test('audit exits with 2 if it cannot reach Redis', async ({ logPath }) => {
  const { code, err } = await runCommand(['audit'], {
    REDIS_URL: 'redis://:secret-of-the-test@127.0.0.1:1',
    KORA_AUDIT_LOG_PATH: logPath,
  });
  expect(code).toBe(2);
  expect(err).toContain('redis://:***@127.0.0.1:1 refuses the connection');
});
