/** How each wake ended: recorded once, counted once, however often a crash makes the recording run again. */

import type { Outcome } from './core/report.ts';
import type { Keys } from './keys.ts';
import type { RedisClient } from './redis.ts';

/** What is known of a wake beside its jobs is kept this long, seconds. */
export const WAKE_RECORD_TTL_S = 35 * 86_400;

const SETTLE = `
local before = redis.call('HGET', KEYS[1], 'outcome')
if before == ARGV[1] or (before and before ~= 'dead') then return 0 end
if before then redis.call('HINCRBY', KEYS[2], 'outcome:' .. before, -1) end
redis.call('HSET', KEYS[1], 'outcome', ARGV[1], 'outcomeAt', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HINCRBY', KEYS[2], 'outcome:' .. ARGV[1], 1)
redis.call('ZREM', KEYS[3], ARGV[4])
return 1`;

/**
 * Records the outcome of a wake. The first one stands; only a dead letter that a person retried may end again.
 *
 * @param at ms since the epoch
 * @returns whether this call recorded it
 */
export async function settle(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
  outcome: Outcome,
  at: number,
): Promise<boolean> {
  const { counters, untold } = keys;
  const answer = await redis.eval(
    SETTLE,
    3,
    keys.wake(wakeId),
    counters,
    untold,
    outcome,
    at,
    WAKE_RECORD_TTL_S,
    wakeId,
  );
  return answer === 1;
}

const REOPEN = `
if redis.call('HGET', KEYS[1], 'outcome') ~= 'dead' then return 0 end
redis.call('HDEL', KEYS[1], 'outcome', 'outcomeAt')
redis.call('HINCRBY', KEYS[2], 'outcome:dead', -1)
redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'enqueuedAt') or ARGV[2], ARGV[1])
return 1`;

/**
 * Records that a dead letter is tried again: it has no end any more.
 *
 * @param at ms since the epoch
 */
export async function reopen(redis: RedisClient, keys: Keys, wakeId: string, at: number): Promise<void> {
  await redis.eval(REOPEN, 3, keys.wake(wakeId), keys.counters, keys.untold, wakeId, at);
}

/** How long the wake that waits longest for its end has waited, ms; 0 where none waits. @param at ms since the epoch */
export async function oldestUntoldMs(redis: RedisClient, keys: Keys, at: number): Promise<number> {
  const first = await redis.zrangebyscore(keys.untold, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
  // ioredis gives a member and its score flat, or as a pair where it speaks RESP3.
  const [, enqueuedAt] = first.flat();
  return enqueuedAt === undefined ? 0 : Math.max(0, at - Number(enqueuedAt));
}
