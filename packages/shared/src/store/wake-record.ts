/** How each wake is told, and how it ended: recorded once, counted once, however often a crash makes it run again. */

import type { RedisClient } from '../runtime/redis.ts';
import type { DmStatus, Outcome } from '../wake/outcome.ts';
import type { Wake } from '../wake/wake.ts';
import { EVENTS_KEPT } from './events.ts';
import type { Keys } from './keys.ts';
import type { Posted } from './queues.ts';
import { script } from './scripts.ts';

/** What is known of a wake beside its jobs is kept this long, seconds. */
export const WAKE_RECORD_TTL_S = 35 * 86_400;

/** How a wake ended. */
export interface WakeEnd {
  wake: Pick<Wake, 'id' | 'probe' | 'category'>;
  outcome: Outcome;
  /** ms since the epoch */
  at: number;
  dmStatus?: DmStatus;
  posted?: Posted | undefined;
  /** Of a dead letter. */
  reason?: string | undefined;
}

/** KEYS: the wake's record, counters, untold, events. ARGV: outcome, at, ttl of a record, id, number of fields, fields, an event. */
const SETTLE = script(`
local before = redis.call('HGET', KEYS[1], 'outcome')
redis.call('HDEL', KEYS[1], 'claimedAt', 'firstClaimedAt')
local fields = tonumber(ARGV[5])
if fields > 0 then redis.call('HSET', KEYS[1], unpack(ARGV, 6, 5 + fields)) end
if before == ARGV[1] or (before and before ~= 'dead') then return 0 end
if before then redis.call('HINCRBY', KEYS[2], 'outcome:' .. before, -1) end
redis.call('HSET', KEYS[1], 'outcome', ARGV[1], 'outcomeAt', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HINCRBY', KEYS[2], 'outcome:' .. ARGV[1], 1)
redis.call('ZREM', KEYS[3], ARGV[4])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ${EVENTS_KEPT}, '*', unpack(ARGV, 6 + fields))
return 1`);

/**
 * Records the outcome of a wake, with what is known of its DM, and tells of it. The first outcome stands; only a dead
 * letter that a person retried may end again.
 *
 * @returns whether this call recorded it
 */
export async function recordOutcome(redis: RedisClient, keys: Keys, end: WakeEnd): Promise<boolean> {
  const { wake, outcome, at, dmStatus, posted, reason } = end;
  const { id, probe, category } = wake;
  const fields = [...(dmStatus ? ['dmStatus', dmStatus] : []), ...(posted ? ['posted', JSON.stringify(posted)] : [])];
  const [type, ...how] = outcome === 'dead' ? ['dm.dead', 'reason', reason ?? ''] : ['dm.sent', 'outcome', outcome];
  const event = ['type', type ?? '', 'wakeId', id, 'probe', probe, 'category', category, ...how];
  const scriptKeys = [keys.wake(id), keys.counters, keys.pending, keys.events];
  const answer = await SETTLE(
    redis,
    scriptKeys,
    outcome,
    at,
    WAKE_RECORD_TTL_S,
    id,
    fields.length,
    ...fields,
    ...event,
  );
  return answer === 1;
}

/** How a wake ended, or null where it has not, as far as is known. */
export async function outcomeOf(redis: RedisClient, keys: Keys, wakeId: string): Promise<string | null> {
  return redis.hget(keys.wake(wakeId), 'outcome');
}

/** A post that was begun, and whose end is not known: Slack may have the message. Times in ms since the epoch. */
export interface Claim {
  claimedAt: number;
  /** Of the first such post that is not settled: look-ups begin there. */
  firstClaimedAt: number;
}

/** A dead letter that is tried again has no end any more. KEYS: the wake's record, counters, untold. */
const REOPENED = `
if redis.call('HGET', KEYS[1], 'outcome') == 'dead' then
  redis.call('HDEL', KEYS[1], 'outcome', 'outcomeAt')
  redis.call('HINCRBY', KEYS[2], 'outcome:dead', -1)
  redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'enqueuedAt') or ARGV[2], ARGV[1])
end`;

const REOPEN = script(REOPENED);

/** Records that a dead letter is tried again. @param at ms since the epoch */
export async function reopen(redis: RedisClient, keys: Keys, wakeId: string, at: number): Promise<void> {
  await REOPEN(redis, [keys.wake(wakeId), keys.counters, keys.pending], wakeId, at);
}

/** KEYS: the wake's record, counters, untold, forgot. ARGV: id, now, ttl of a record, the times of a claim made before, or empty. */
const BEGIN = script(`${REOPENED}
local outcome, claimed, first = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt'))
local time = redis.call('TIME')
local forgot = redis.call('GET', KEYS[4]) or '0'
if not claimed and ARGV[4] ~= '' then claimed, first = ARGV[4], ARGV[5] end
if not outcome then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or ARGV[2], 'firstClaimedAt', first or ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {outcome or '', claimed or '', first or '', time[1], time[2], forgot}`);

/** What Redis knew as a delivery began. */
export interface Begun {
  /** The end that the wake has come to before. */
  ended: Exclude<Outcome, 'dead'> | undefined;
  /** A claim of before. */
  earlier: Claim | undefined;
  /** Redis's clock, ms since the epoch. */
  clock: number;
  /** When it was last found emptied, ms since the epoch by its clock; 0: never. */
  dataLostAt: number;
}

/**
 * Begins a delivery: where the wake has no end and no claim, claims it, so that whoever comes after us knows that it may
 * have been told.
 *
 * @param at ms since the epoch
 * @param kept a claim that the job itself holds, as those of before 0.2 did
 */
export async function beginDelivery(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
  at: number,
  kept?: Claim,
): Promise<Begun> {
  const scriptKeys = [keys.wake(wakeId), keys.counters, keys.pending, keys.dataLostAt];
  const claim = [kept?.claimedAt ?? '', kept?.firstClaimedAt ?? ''];
  const answer = await BEGIN(redis, scriptKeys, wakeId, at, WAKE_RECORD_TTL_S, ...claim);
  const [outcome, claimed, first, s, us, forgot] = Array.isArray(answer) ? answer.map(String) : [];
  return {
    ended: ENDS.find((end) => end === outcome),
    earlier: claimed ? { claimedAt: Number(claimed), firstClaimedAt: Number(first || claimed) } : undefined,
    clock: Number(s) * 1_000 + Math.floor(Number(us) / 1_000),
    dataLostAt: Number(forgot),
  };
}

const ENDS = ['diagnosis', 'fallback', 'dry_run'] as const;

/** Sets the claim of a wake; undefined takes it back. */
export async function setClaim(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
  claim: Claim | undefined,
): Promise<void> {
  if (claim) await redis.hset(keys.wake(wakeId), { ...claim });
  else await redis.hdel(keys.wake(wakeId), 'claimedAt', 'firstClaimedAt');
}

/** How long the wake that waits longest for its end has waited, ms; 0 where none waits. @param at ms since the epoch */
export async function oldestPendingMs(redis: RedisClient, keys: Keys, at: number): Promise<number> {
  const first = await redis.zrangebyscore(keys.pending, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
  // ioredis gives a member and its score flat, or as a pair where it speaks RESP3.
  const [, enqueuedAt] = first.flat();
  return enqueuedAt === undefined ? 0 : Math.max(0, at - Number(enqueuedAt));
}
