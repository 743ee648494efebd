import { describe, expect, test } from 'vitest';
import { readRedisUrl, redactedUrl } from '../../src/runtime/redis-url.ts';

const node = (host: string, port = 6379) => ({ host, port });

test.each([
  ['redis://h', { kind: 'single', tls: false, nodes: [node('h')], db: 0 }],
  ['redis://[::1]:7000/3', { kind: 'single', tls: false, nodes: [node('::1', 7000)], db: 3 }],
  [
    'rediss://u:p%40ss@h:1/',
    { kind: 'single', tls: true, nodes: [node('h', 1)], username: 'u', password: 'p@ss', db: 0 },
  ],
  ['redis://:hunter2@h', { kind: 'single', tls: false, nodes: [node('h')], password: 'hunter2', db: 0 }],
  [
    'redis-sentinel://:hunter2@a,b:1/2#mymaster',
    {
      kind: 'sentinel',
      tls: false,
      nodes: [node('a', 26379), node('b', 1)],
      password: 'hunter2',
      db: 2,
      name: 'mymaster',
    },
  ],
  [
    'redis-sentinel://:of-redis@a/0?sentinelUsername=u&sentinelPassword=p%26%2B+#mymaster',
    {
      kind: 'sentinel',
      tls: false,
      nodes: [node('a', 26379)],
      password: 'of-redis',
      db: 0,
      name: 'mymaster',
      sentinelUsername: 'u',
      sentinelPassword: 'p&++',
    },
  ],
  [
    'redis-sentinel://a?sentinelPassword=p#m',
    { kind: 'sentinel', tls: false, nodes: [node('a', 26379)], db: 0, name: 'm', sentinelPassword: 'p' },
  ],
  ['rediss-cluster://a:1,b', { kind: 'cluster', tls: true, nodes: [node('a', 1), node('b')], db: 0 }],
])('%s is read', (text, address) => {
  expect(readRedisUrl(text)).toEqual(address);
});

test.each([
  'http://x',
  'localhost:6379',
  'redis://',
  'redis://h/abc',
  'redis://:%zz@h',
  'redis://h?password=x',
  'redis://h:99999',
  'redis://a,b',
  'redis://h#name',
  'redis-sentinel://h',
  'redis-sentinel://h?sentinelUser=u#name',
  'redis-sentinel://h?sentinelPassword=#name',
  'redis-sentinel://h?#name',
  'redis-cluster://h?sentinelPassword=p',
  'redis-cluster://h/1',
  'redis-cluster://h,',
])('%s is no address', (text) => {
  expect(() => readRedisUrl(text)).toThrow(/not a Redis URL|URI malformed/);
});

describe('an address is shown without its password', () => {
  test.each([
    ['rediss://:hunter2@redis.example:6380/2', 'rediss://:***@redis.example:6380/2'],
    ['redis-cluster://me:hunter2@a:1,b:2', 'redis-cluster://me:***@a:1,b:2'],
    ['redis://h:6379/', 'redis://h:6379'],
    [
      'redis-sentinel://:hunter2@h/0?sentinelPassword=hunter3&sentinelUsername=u#m',
      'redis-sentinel://:***@h/0?sentinelPassword=***&sentinelUsername=u#m',
    ],
  ])('%s', (text, shown) => {
    expect(redactedUrl(text)).toBe(shown);
  });
});
