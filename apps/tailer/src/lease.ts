/**
 * The right to follow a log. One tailer holds it at a time; it lapses by itself, so that a tailer that died is
 * followed by one that stands by. The token is the process's own, and every commit carries it (see
 * checkpoint.ts): that is the fence. `valid` is the holder's own look at the clock, before it does anything a
 * commit cannot take back.
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';

const LEASE_MS = 10_000;
export const RENEW_MS = 3_000;

export interface Lease {
  token: string;
  /** Whether the lease is still ours by our own clock, with a second to spare. */
  valid(): boolean;
  /** Prolongs the lease; false where it is no longer ours. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/** Free, or still ours from before: a release may have been lost with the connection. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false`;

/** A token no other process has; its first part says where it runs. */
export function newToken(): string {
  return `${hostname()}:${process.pid}:${randomUUID()}`;
}

/** Takes the lease, or tells who has it. */
export async function takeLease(redis: RedisClient, key: string, token: string): Promise<Lease | { heldBy: string }> {
  let until = deadline();
  const holder = await redis.eval(TAKE, 1, key, token, LEASE_MS);
  if (typeof holder === 'string') return { heldBy: holder.replace(/:[^:]*$/, '') };
  return {
    token,
    valid: () => Date.now() < until.wall && performance.now() < until.steady,
    renew: async () => {
      const next = deadline();
      const renewed = (await redis.eval(RENEW, 1, key, token, LEASE_MS)) === 1;
      if (renewed) until = next;
      return renewed;
    },
    release: async () => {
      await redis.eval(RELEASE, 1, key, token);
    },
  };
}

/** By two clocks: the steady one stands still while the machine sleeps, the other can be set back. */
function deadline() {
  const left = LEASE_MS - 1_000;
  return { wall: Date.now() + left, steady: performance.now() + left };
}
