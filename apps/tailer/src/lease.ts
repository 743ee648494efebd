/**
 * The lease: the right to follow a log. One tailer holds it at a time. It expires if its holder does not renew it, so
 * that a standby tailer can take over from one that died. Each commit carries the lease's token, and Redis refuses a commit
 * without the current one (checkpoint.ts). Adding jobs has no such fence, so the holder calls `valid` before it adds them.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { holderOf, releaseLease, renewLease, takeLease as takeStoredLease } from '@kora-wake/shared/store/checkpoint';

/** The lease expires this long after its last renewal. */
const LEASE_MS = 10_000;
/** Time between two renewals. */
export const RENEW_MS = 3_000;

export interface Lease {
  token: string;
  /** Whether the lease is still ours by our own clock, with a reserve of one second. */
  valid(): boolean;
  /** Extends the lease. Resolves to false if it is no longer ours. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/** A unique token `host:pid:uuid`, so that a log line can name the holder. */
export function newToken(): string {
  return `${hostname()}:${process.pid}:${randomUUID()}`;
}

/** Whether a holder `host:pid` is a process of this host. */
export function isOnThisHost(holder: string): boolean {
  return holder.replace(/:[^:]*$/, '') === hostname();
}

/** Takes the lease, or returns its holder as `host:pid`. */
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

/** By two clocks: the steady clock stops while the machine sleeps, and the wall clock can be set back. */
function deadline() {
  const left = LEASE_MS - 1_000;
  return { wall: Date.now() + left, steady: performance.now() + left };
}
