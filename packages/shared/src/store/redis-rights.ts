/**
 * The rights that Kora Wake needs in Redis, and the check at start that its user has them. docs/redis.md documents the ACL.
 *
 * Redis checks rights when it puts a command into a transaction. So the check puts each command into one, and discards it:
 * nothing is executed, and a user needs no right to read ACLs.
 */
import { Cluster } from 'ioredis';
import { StartupError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { logEvent } from '../runtime/log-events.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { isForbidden } from '../runtime/redis-fault.ts';
import type { Keys } from './keys.ts';

/** A command and its arguments. */
type Call = string[];

/** Each command that our code, our scripts or those of BullMQ run on a key, in a harmless form. */
function keyedCalls(key: string): Call[] {
  const plain = (names: string, ...args: string[]): Call[] => {
    const keyAndArgs = [key, ...args];
    return names.split(' ').map((name) => [name].concat(keyAndArgs));
  };
  return [
    ...plain(
      'DEL EXISTS GET INCR PERSIST PTTL TYPE UNLINK HGETALL HLEN LLEN LPOP RPOP SCARD SMEMBERS XLEN ZCARD ZPOPMIN',
    ),
    ...plain(
      'HDEL HEXISTS HGET HMGET LINDEX LPOS LPUSH RPUSH SADD SISMEMBER SREM XDEL ZRANK ZREM ZREVRANK ZSCORE',
      '0',
    ),
    ...plain('EXPIRE PEXPIRE PEXPIREAT INCRBY SET', '1'),
    ...plain('HMSET HSET HSETNX HINCRBY', 'a', '1'),
    ...plain('LRANGE LREM LTRIM LSET ZCOUNT ZRANGE ZREVRANGE ZREMRANGEBYRANK ZREMRANGEBYSCORE', '0', '0'),
    ...plain('ZRANGEBYSCORE ZREVRANGEBYSCORE ZADD', '0', '0'),
    ...plain('ZLEXCOUNT ZRANGEBYLEX XRANGE XREVRANGE', '-', '+'),
    ['RENAME', key, key],
    ['SUNIONSTORE', key, key],
    ['RPOPLPUSH', key, key],
    ['XADD', key, '*', 'a', '1'],
    ['XREAD', 'STREAMS', key, '0'],
    ['XTRIM', key, 'MAXLEN', '1'],
    ['BZPOPMIN', key, '1'],
    ['EVAL', 'return 1', '1', key],
    ['EVALSHA', '0'.repeat(40), '1', key],
  ];
}

/** An empty transaction. If EXEC is refused, DISCARD ends it; otherwise DISCARD fails harmlessly. */
const TRANSACTION: Call[] = [['MULTI'], ['EXEC'], ['DISCARD']];
/** Other needed commands without a key. PING was sent before. */
const KEYLESS: Call[] = [['TIME']];

/** Commands without which Kora Wake works, and the consequence if the right is missing. */
const OPTIONAL: Array<{ call: Call; rule: string; consequence: string }> = [
  {
    call: ['INFO'],
    rule: '+info',
    consequence: 'the settings of Redis are not checked, and each new connection counts as a restart of Redis',
  },
  { call: ['CLIENT', 'LIST'], rule: '+client|list', consequence: 'the number of workers is not known' },
  { call: ['CLIENT', 'SETNAME', ''], rule: '+client|setname', consequence: 'the number of workers is not known' },
];

/** More missing rights than these are not listed. */
const LISTED = 6;

/** Names of all commands that are checked, in upper case. */
export function checkedCommands(): string[] {
  return [...keyedCalls(''), ...TRANSACTION, ...KEYLESS, ...OPTIONAL.map(({ call }) => call)].map(
    ([name = '']) => name,
  );
}

export interface Rights {
  /** False if CLIENT LIST or CLIENT SETNAME is missing. */
  countsWorkers: boolean;
}

/**
 * Checks that the user may do everything that the apps need. Logs one warning if only optional rights are missing.
 *
 * @throws StartupError that names the missing rights and the ACL rules to add
 */
export async function assertRights(redis: RedisClient, keys: Keys, log: Logger): Promise<Rights> {
  const user = `the Redis user ${userOf(redis)}`;
  const transaction = await forbidden(redis, TRANSACTION);
  if (transaction.length > 0) throw missingCommands(user, transaction.map(nameOf));
  const needed = [...keyedCalls(keys.writeProbe), ...KEYLESS];
  const optional = OPTIONAL.map(({ call }) => call);
  const refused = await forbidden(redis, [['MULTI'], ...needed, ...optional, ['DISCARD']]);
  const missing = refused.filter(({ call }) => !optional.includes(call));
  if (missing.some(({ error }) => /\bkeys?\b/.test(error))) {
    const pattern = `${keys.prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}:*`;
    throw new StartupError(
      `${user} may not use keys that begin with ${keys.prefix}: in Redis. Add ~${pattern} to its ACL, or set KORA_QUEUE_PREFIX to a prefix that it may use.`,
    );
  }
  if (missing.length > 0) throw missingCommands(user, missing.map(nameOf));
  const without = OPTIONAL.filter(({ call }) => refused.some((each) => each.call === call));
  if (without.length > 0) {
    const consequences = [...new Set(without.map(({ consequence }) => consequence))].join('; ');
    const rules = without.map(({ rule }) => rule);
    const message = `${user} lacks optional rights: ${consequences}. Add ${rules.join(' ')} to its ACL.`;
    logEvent(log, 'redis.rights_missing', { rules }, message);
  }
  return { countsWorkers: !without.some(({ call }) => call[0] === 'CLIENT') };
}

interface Refused {
  call: Call;
  error: string;
}

/** The calls that Redis refuses to this user. They are sent together, so no other command of this connection is in between. */
async function forbidden(redis: RedisClient, calls: Call[]): Promise<Refused[]> {
  const pipeline = redis.pipeline();
  for (const [name = '', ...args] of calls) pipeline.call(name, ...args);
  const results = (await pipeline.exec()) ?? [];
  return results.flatMap(([error], i) => {
    const call = calls[i];
    return call && isForbidden(error) ? [{ call, error: String(error) }] : [];
  });
}

const nameOf = ({ call: [name = ''] }: Refused): string => name;

function missingCommands(user: string, names: string[]): StartupError {
  if (names.length > LISTED) {
    return new StartupError(
      `${user} may not run ${names.length} commands that are needed, for example ${names[0]}. Give it the rights in docs/redis.md.`,
    );
  }
  const rules = names.map((name) => `+${name.toLowerCase()}`).join(' ');
  return new StartupError(
    `${user} may not run ${names.join(', ')} in Redis. Add ${rules} to its ACL; docs/redis.md lists all rights.`,
  );
}

function userOf(redis: RedisClient): string {
  const options = redis instanceof Cluster ? redis.options.redisOptions : redis.options;
  return options?.username ?? 'default';
}
