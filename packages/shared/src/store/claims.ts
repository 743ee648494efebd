/** Claims: marks in the record of a message that Slack may have it. The hash of a wake and that of a notice have the same two fields. */
import type { RedisClient } from '../runtime/redis.ts';

/** A post whose result is not recorded yet: Slack may have the message. Times in ms since the epoch. */
export interface Claim {
  claimedAt: number;
  /** Time of the first such post whose result is still unknown: look-ups begin there. */
  firstClaimedAt: number;
}

/** Facts that a worker needs before it posts a message. */
export interface Begun {
  /** The claim of an earlier attempt. */
  earlier: Claim | undefined;
  /** Redis's clock, ms since the epoch. */
  clock: number;
  /** When Redis was last found without its data, ms since the epoch by its clock; 0: never. */
  dataLostAt: number;
}

/** Sets the claim of a message; undefined removes it. @param recordKey of the wake or the notice */
export async function setClaim(redis: RedisClient, recordKey: string, claim: Claim | undefined): Promise<void> {
  if (claim) await redis.hset(recordKey, { ...claim });
  else await redis.hdel(recordKey, 'claimedAt', 'firstClaimedAt');
}
