/**
 * The hold, "I'm awake": for a time only the first critical wake of an incident notifies. Hash `hold`: `startedAt` and `until` of the last
 * one, ms by Redis's clock; `by`; `heldMs`, the length of all holds before it. Only this module, its scripts and `lua/lib/hold.lua` know it.
 */
import type { RedisClient } from '../runtime/redis.ts';
import { type Click, clickArgs } from './clicks.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';

/** `until` in ms since the epoch. */
export interface Hold {
  until: number;
  by: string;
}

const READ_HOLD = luaScript('read-hold');

/** The hold in force, or undefined. */
export async function readHold(redis: RedisClient, keys: Keys): Promise<Hold | undefined> {
  const answer = await READ_HOLD(redis, [keys.hold]);
  const [until, by] = Array.isArray(answer) ? answer.map(String) : [];
  return Number(until) > 0 ? { until: Number(until), by: by ?? '' } : undefined;
}

const SET_HOLD = luaScript('set-hold');

/**
 * Begins a hold, which replaces the one in force, or ends it.
 *
 * @param seconds 0 ends the hold in force
 * @returns false if the click was applied before
 */
export async function setHold(
  redis: RedisClient,
  keys: Keys,
  seconds: number,
  by: string,
  click?: Click,
): Promise<boolean> {
  const { key, args } = clickArgs(keys, click);
  return Number(await SET_HOLD(redis, [keys.hold, keys.events, ...key], { seconds, by, ...args })) >= 0;
}

/** Some of the jobs that waited, or wait, for the end of a hold. @param limit maximum number */
export async function listHeld(redis: RedisClient, keys: Keys, limit: number): Promise<string[]> {
  return redis.srandmember(keys.heldJobs, limit);
}

/** Records that a delivery job waits for the end of the hold. */
export async function addHeld(redis: RedisClient, keys: Keys, jobId: string): Promise<void> {
  await redis.sadd(keys.heldJobs, jobId);
}

/** Forgets jobs that wait no more. */
export async function removeHeld(redis: RedisClient, keys: Keys, jobIds: string[]): Promise<void> {
  if (jobIds.length > 0) await redis.srem(keys.heldJobs, ...jobIds);
}
