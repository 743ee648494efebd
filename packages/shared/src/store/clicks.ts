/** Clicks on the buttons of a message in Slack. Each is applied once, although Slack may deliver it again. */
import type { RedisClient } from '../runtime/redis.ts';
import type { Keys } from './keys.ts';

/** A click on a button of a message. */
export interface Click {
  /** The same for each delivery of one click. */
  id: string;
  /** ms since the epoch. */
  at: number;
}

/** A delivery of the same click in this time is a repeat, seconds. */
const CLICK_TTL_S = 86_400;

/** The last key and the arguments of a script that applies a click once. Both are empty without a click. */
export function clickArgs(keys: Keys, click: Click | undefined) {
  return click
    ? { key: [keys.click(click.id)], args: { clickedAt: click.at, clickTtlS: CLICK_TTL_S } }
    : { key: [], args: {} };
}

/** An API that takes clicks must say so again in this time, seconds. */
const CLICKS_TTL_S = 30;

/** Records that an API takes clicks now. */
export async function recordClicksTaken(redis: RedisClient, keys: Keys): Promise<void> {
  await redis.set(keys.clicksTaken, 1, 'EX', CLICKS_TTL_S);
}

/** Whether an API takes clicks: without one, buttons would do nothing. */
export async function areClicksTaken(redis: RedisClient, keys: Keys): Promise<boolean> {
  return (await redis.exists(keys.clicksTaken)) === 1;
}
