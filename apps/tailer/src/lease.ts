/**
 * The right to follow a log. One tailer holds it at a time; it lapses by itself, so that a tailer that died is
 * followed by one that stands by. The token is the process's own, and every commit carries it (see
 * checkpoint.ts): that is the fence. `valid` is the holder's own look at the clock, before it does anything a
 * commit cannot take back.
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { holderOf, releaseLease, renewLease, takeLease as takeStoredLease } from '@kora-wake/shared/store/checkpoint';

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

/** A token no other process has; its first part says where it runs. */
export function newToken(): string {
  return `${hostname()}:${process.pid}:${randomUUID()}`;
}

/** Takes the lease, or tells who has it. */
export async function takeLease(redis: RedisClient, key: string, token: string): Promise<Lease | { heldBy: string }> {
  let until = deadline();
  const holder = await takeStoredLease(redis, key, token, LEASE_MS);
  if (holder !== undefined) return { heldBy: holderOf(holder) };
  return {
    token,
    valid: () => Date.now() < until.wall && performance.now() < until.steady,
    renew: async () => {
      const next = deadline();
      const renewed = await renewLease(redis, key, token, LEASE_MS);
      if (renewed) until = next;
      return renewed;
    },
    release: () => releaseLease(redis, key, token),
  };
}

/** By two clocks: the steady one stands still while the machine sleeps, the other can be set back. */
function deadline() {
  const left = LEASE_MS - 1_000;
  return { wall: Date.now() + left, steady: performance.now() + left };
}
