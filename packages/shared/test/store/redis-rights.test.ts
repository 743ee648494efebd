/** The check of rights at start, with real users of a real Redis. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { type Namespace, type TestLog, test } from '../../../../test/support/fixtures.ts';
import { type Keys, redisKeys } from '../../src/store/keys.ts';
import { assertRights, checkedCommands } from '../../src/store/redis-rights.ts';

const OPTIONAL = new Set(['INFO', 'CLIENT']);

/** A connection as a user with these rules, and the name of the user. */
async function as({ redis, redisUrl }: Namespace, ...rules: string[]) {
  const username = `u${randomUUID().slice(0, 8)}`;
  await redis.acl('SETUSER', username, 'on', '>p', ...rules);
  const { hostname, port } = new URL(redisUrl);
  const client = new Redis({ host: hostname, port: Number(port), username, password: 'p', enableReadyCheck: false });
  client.on('error', () => undefined);
  onTestFinished(async () => {
    client.disconnect();
  });
  return { client, username };
}

async function sentence(client: Redis, keys: Keys, log: TestLog): Promise<string> {
  return assertRights(client, keys, log.logger).then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

test('a user without any single command is told this command and the rule to add', async ({ ns, log }) => {
  for (const command of new Set(checkedCommands())) {
    if (OPTIONAL.has(command)) continue;
    const { client, username } = await as(ns, '+@all', '~*', `-${command}`);
    expect(await sentence(client, ns.keys, log)).toBe(
      `the Redis user ${username} may not run ${command} in Redis. Add +${command.toLowerCase()} to its ACL; docs/redis.md lists all rights.`,
    );
    await ns.redis.acl('DELUSER', username);
  }
});

test('the check executes nothing', async ({ ns, log }) => {
  const keys = redisKeys(`{rights-${randomUUID()}}`);
  await ns.redis.set(keys.writeProbe, 'kept');
  expect(await assertRights(ns.redis, keys, log.logger)).toEqual({ countsWorkers: true });
  expect(await ns.redis.get(keys.writeProbe)).toBe('kept');
  expect(await ns.redis.keys(`${keys.prefix}*`)).toEqual([keys.writeProbe]);
  expect(log.lines).toEqual([]);
  await ns.redis.del(keys.writeProbe);
});

test.for([
  ['of another prefix', '~other:*'],
  ['for reading only', '%R~*'],
])('a user with keys %s is told the pattern to add', async ([, pattern], { ns, log }) => {
  const { client, username } = await as(ns, '+@all', String(pattern));
  expect(await sentence(client, redisKeys('{a*}'), log)).toBe(
    `the Redis user ${username} may not use keys that begin with {a*}: in Redis. Add ~{a\\*}:* to its ACL, or set KORA_QUEUE_PREFIX to a prefix that it may use.`,
  );
  await ns.redis.acl('SETUSER', username, '~{a\\*}:*');
  expect(await sentence(client, redisKeys('{a*}'), log)).toBe('none');
  await ns.redis.acl('DELUSER', username);
});

test('a user that lacks many commands is told the document', async ({ ns, log }) => {
  const { client, username } = await as(ns, '+@all', '~*', '-@write');
  expect(await sentence(client, ns.keys, log)).toMatch(
    new RegExp(`^the Redis user ${username} may not run \\d+ commands that are needed, for example DEL\\. Give it`),
  );
  await ns.redis.acl('DELUSER', username);
});

test('optional rights cause one warning with the rules to add', async ({ ns, log }) => {
  const { client, username } = await as(ns, '+@all', '~*', '-info', '-client', '-config');
  expect(await assertRights(client, ns.keys, log.logger)).toEqual({ countsWorkers: false });
  expect(log.lines).toMatchObject([
    { event: 'redis.rights_missing', level: 40, rules: ['+info', '+client|list', '+client|setname'] },
  ]);
  expect(log.lines[0]?.msg).toContain('Add +info +client|list +client|setname to its ACL.');
  await ns.redis.acl('DELUSER', username);
});

test('every command in our scripts and in those of BullMQ is checked', () => {
  const ours = join(import.meta.dirname, '..', '..', 'lua');
  const bullmq = join(dirname(createRequire(import.meta.url).resolve('bullmq')), '..', 'esm', 'scripts');
  const used = [ours, bullmq].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:lua|js)$/.test(name))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .flatMap((text) => Array.from(text.matchAll(/(?:rcall|redis\.p?call)\(\s*["'](\w+)["']/gi)))
      .map(([, command]) => String(command).toUpperCase()),
  );
  expect(used.length).toBeGreaterThan(500);
  const checked = new Set(checkedCommands());
  expect(used.filter((command) => !checked.has(command))).toEqual([]);
});
