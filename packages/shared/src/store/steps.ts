/** The steps of investigations, for the console. They are for display only: nothing decides by them. */
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import { fitSteps } from '../wake/steps.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { KeptStep, type Step } from './step-types.ts';
import { parseStored } from './stored-json.ts';
import { WAKE_RECORD_TTL_S } from './wake-record.ts';

/** Limit of the steps of one wake as JSON, bytes. */
const MAX_WAKE_BYTES = 64 * 1024;
/** Limit of the steps of all wakes, bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

const KEEP = luaScript('keep-steps');

/**
 * Stores the steps of a wake, which replace its earlier ones. Long texts are shortened. The oldest steps of other wakes are dropped while all
 * together are over the limit.
 *
 * @param steps redacted
 * @param maxBytes limit of the steps of all wakes
 */
export async function keepSteps(
  redis: RedisClient,
  keys: Keys,
  wakeId: string,
  steps: readonly Step[],
  maxBytes = MAX_BYTES,
): Promise<void> {
  const json = JSON.stringify(fitSteps(steps, MAX_WAKE_BYTES));
  const args = { id: wakeId, ttlS: WAKE_RECORD_TTL_S, maxBytes, stepsPrefix: keys.steps('') };
  await KEEP(redis, [keys.steps(wakeId), keys.stepsIndex, keys.stepsSizes, keys.stepsBytes], args, json);
}

const storedSteps = z.array(KeptStep);

/** Null if they were not kept, or dropped. */
export async function readSteps(redis: RedisClient, keys: Keys, wakeId: string): Promise<KeptStep[] | null> {
  return parseStored(storedSteps, await redis.get(keys.steps(wakeId)));
}
