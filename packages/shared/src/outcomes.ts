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
  return (await redis.eval(SETTLE, 2, keys.wake(wakeId), keys.counters, outcome, at, WAKE_RECORD_TTL_S)) === 1;
}
