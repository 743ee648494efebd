/** Records the outcome of jobs that failed for good while their worker died, and closes the window that a failed wake holds. */
import { readWakeState, recordOutcome } from '@kora-wake/shared/store/wake-record';
import { releaseWindow } from '@kora-wake/shared/store/windows';
import { count, eachEnded, type Repairs } from './repairs.ts';

/** @param since jobs that ended earlier are repaired already, ms since the epoch */
export async function repairDeadLetters(repairs: Repairs, since: number): Promise<void> {
  const { redis, keys, wakes, deliveries, now } = repairs;
  for (const queue of [wakes, deliveries]) {
    await eachEnded(repairs, queue, 'failed', since, async ({ data: { wake }, failedReason, attemptsMade }) => {
      if ((await readWakeState(redis, keys, wake.id)).outcome) return;
      // A wake that failed before it had a report must not suppress others. A delivery has a report.
      if (queue === wakes) await releaseWindow(redis, keys, wake);
      const failure = { code: failedReason, attempts: attemptsMade };
      const recorded = await recordOutcome(redis, keys, { wake, outcome: 'dead', at: now(), failure });
      if (recorded) await count(repairs, 'dead_letter', wake.id);
    });
  }
}
