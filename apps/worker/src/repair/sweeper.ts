/**
 * Repairs the state that a crash between two effects, or a Redis that lost its last writes, can leave. Each worker sweeps
 * regularly; two sweeps at once do no harm.
 *
 *   dead-letters.ts   a job failed for good, but its outcome is not recorded
 *   undelivered.ts    a wake was investigated, but its delivery job is missing
 *   windows.ts        a window is open, but its wake has no job any more
 *   joining.ts        a wake waits for a newer one that has ended
 *   clock.ts          a job waits too long, because the clock was set back
 */
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { repairClock } from './clock.ts';
import { repairDeadLetters } from './dead-letters.ts';
import { repairJoining } from './joining.ts';
import { type Repairs, throwFirst } from './repairs.ts';
import { repairUndelivered } from './undelivered.ts';
import { repairWindows } from './windows.ts';

const EVERY_MS = 60_000;
/** Jobs that ended this long before an earlier sweep are not read again, ms: clocks differ, and Redis may lose writes. */
const LOOK_BACK_MS = 10 * 60_000;

/** Sweeps at once and then every `everyMs`. The returned function stops it. */
export function startSweeper(repairs: Repairs, everyMs = EVERY_MS): () => Promise<void> {
  let repairedUntil = 0;
  let running = Promise.resolve();
  const sweepAgain = async () => {
    const startedAt = repairs.now();
    try {
      await sweep(repairs, repairedUntil);
      repairedUntil = startedAt - LOOK_BACK_MS;
    } catch (error) {
      logEvent(repairs.log, 'repair.failed', errorFields(error));
    }
  };
  const next = () => {
    running = sweepAgain();
  };
  next();
  const timer = setInterval(next, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/**
 * One sweep. It makes all repairs that it can, and rejects if one failed; the next sweep tries again.
 *
 * @param since jobs that ended earlier are repaired already, ms since the epoch
 */
export async function sweep(repairs: Repairs, since = 0): Promise<void> {
  const errors: unknown[] = [];
  for (const repair of [repairDeadLetters, repairUndelivered, repairWindows, repairJoining, repairClock]) {
    await repair(repairs, since).catch((error: unknown) => errors.push(error));
  }
  throwFirst(errors);
}
