/** The apps as Redis users with few rights. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkedCommands } from '@kora-wake/shared/store/redis-rights';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished } from 'vitest';
import { doubles, environment, expectCleanStop, startAllApps } from '../support/doubles.ts';
import { append, eventually, ownServer, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { redisProcess } from '../support/redis-process.ts';

const PREFIX = '{kora}';
const DOCUMENT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'redis.md'), 'utf8');
/** The rules of the documented user, after its password. */
const DOCUMENTED = /^ACL SETUSER kora on >PASSWORD (.+)$/m.exec(DOCUMENT)?.[1] ?? 'not documented';

const PAGES = [
  '/readyz',
  '/metrics',
  '/v1/queues',
  '/v1/debounce',
  '/v1/debounce?sort=expires',
  '/v1/investigations',
  '/v1/dead-letters',
  '/v1/costs',
  '/v1/tailer',
  '/v1/account',
  '/v1/stats?window=35d',
  '/v1/operations',
  '/v1/me',
  '/admin/queues/api/queues?activeQueue=wakes&status=completed&page=1&jobsPerPage=10',
  '/admin/queues/api/queues?activeQueue=deliveries&status=latest&page=1&jobsPerPage=10',
];
const CHANGES = ['/v1/queues/wakes/pause', '/v1/queues/wakes/resume'];
const REDIS_DETAILS = '/admin/queues/api/redis/stats';

/** A Redis with a user of these rules, as administrator and as address of the user. */
async function userWith(folder: string, rules: string) {
  const server = await ownServer(redisProcess(folder));
  const admin = new Redis(server.port, '127.0.0.1');
  onTestFinished(() => admin.disconnect());
  await admin.acl('SETUSER', 'kora', 'on', '>hunter2', ...rules.split(' '));
  return { admin, redisUrl: `redis://kora:hunter2@127.0.0.1:${server.port}` };
}

describe('the whole path works', () => {
  test.for([
    ['the documented rights', DOCUMENTED, []],
    ['+@all -@dangerous +info', '~* +@all -@dangerous +info', ['+client|list']],
    ['no INFO, CLIENT and CONFIG', '~* &* +@all -info -client -config', ['+info', '+client|list', '+client|setname']],
  ] as const)('with %s', async ([, rules, missing], { folder, logPath }) => {
    const { admin, redisUrl } = await userWith(folder, rules);
    await admin.config('RESETSTAT');
    const { slack, env } = await doubles();
    const { tailer, worker, api, url } = await startAllApps(environment({ redisUrl, prefix: PREFIX }, logPath, env));
    append(logPath, wakeRow({ category: 'a' }), wakeRow({ category: 'a' }), wakeRow({ category: 'b' }));
    await eventually(() => slack.accepted.length === 2);

    for (const page of PAGES) expect([page, (await fetch(`${url}${page}`)).status]).toEqual([page, 200]);
    for (const change of CHANGES) {
      expect([change, (await fetch(`${url}${change}`, { method: 'POST' })).status]).toEqual([change, 200]);
    }
    const cleared = await fetch(`${url}/v1/debounce?all=true`, { method: 'DELETE' });
    expect(await cleared.json()).toEqual({ cleared: 2 });
    const hasInfo = !(missing as readonly string[]).includes('+info');
    expect((await fetch(`${url}${REDIS_DETAILS}`)).status).toBe(hasInfo ? 200 : 404);
    const workers = missing.length === 0 ? 1 : null;
    expect(await (await fetch(`${url}/v1/queues`)).json()).toMatchObject({
      queues: [{ workers }, { workers }, { workers }],
    });

    for (const app of [tailer, worker, api]) {
      const warnings = app.lines.filter(({ event }) => event === 'redis.rights_missing');
      expect(warnings.map((line) => line.rules)).toEqual(missing.length > 0 ? [missing] : []);
      expect(app.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
      expect(app.stderr()).toBe('');
    }
    const stats = await admin.info('commandstats');
    const used = [...stats.matchAll(/^cmdstat_([^:|]+)\S*:calls=[1-9]/gm)].map(([, name]) =>
      String(name).toUpperCase(),
    );
    // Besides the checked ones: commands of the connection itself, and those of this test's administrator.
    const expected = new Set([...checkedCommands(), 'HELLO', 'AUTH', 'PING', 'QUIT', 'ACL', 'CONFIG']);
    expect(used.filter((name) => !expected.has(name))).toEqual([]);
    await expectCleanStop([tailer, worker, api]);
  });
});

describe('an app without a needed right ends with one sentence that names it, and not the password', () => {
  test.for([
    ['no scripting', '~* +@all -@scripting', '', 'may not run EVAL, EVALSHA in Redis. Add +eval +evalsha to its ACL'],
    [
      'keys of another prefix',
      '~other:* +@all',
      '',
      'may not use keys that begin with {kora}: in Redis. Add ~{kora}:* to',
    ],
    ['no SELECT', '~* +@all -select', '/1', 'does not let its user run SELECT. Add +select to the ACL of this user'],
    ['no PING', '~* +@all -ping', '', 'does not let its user run PING. Add +ping to the ACL of this user'],
  ] as const)('%s', async ([, rules, db, words], { folder, logPath }) => {
    const { redisUrl } = await userWith(folder, rules);
    const env = environment({ redisUrl: `${redisUrl}${db}`, prefix: PREFIX }, logPath);
    for (const name of ['tailer', 'worker', 'api'] as const) {
      const app = runApp(name, env);
      expect(await app.exited).toBe(1);
      expect(app.stderr()).toContain(words);
      expect(app.stderr()).not.toMatch(/password|credentials|hunter2|^\s+at /m);
      expect(app.lines).toEqual([]);
    }
  });
});

test('a right that is taken away from a worker is an error in its log, once, and it continues when it is back', async ({
  folder,
  logPath,
}) => {
  const { admin, redisUrl } = await userWith(folder, DOCUMENTED);
  const { slack, env } = await doubles();
  const { worker, ...apps } = await startAllApps(environment({ redisUrl, prefix: PREFIX }, logPath, env));
  await admin.acl('SETUSER', 'kora', '-bzpopmin');
  expect(await worker.until('worker.refused')).toMatchObject({ level: 50 });
  await admin.acl('SETUSER', 'kora', '+bzpopmin');
  append(logPath, wakeRow());
  await eventually(() => slack.accepted.length === 1);
  expect(worker.lines.filter(({ event }) => event === 'worker.refused').length).toBeLessThanOrEqual(3);
  await expectCleanStop([worker, apps.tailer, apps.api]);
});
