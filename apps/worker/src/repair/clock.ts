/** Promotes delayed jobs that started at a time still in the future: the clock was set back, so their delay is too long. */
import { isOurs } from '@kora-wake/shared/store/queues';
import { CLOCK_SKEW_MS } from '../delivery/earlier-post.ts';
import { count, PAGE, type Repairs } from './repairs.ts';

export async function repairClock(repairs: Repairs): Promise<void> {
  const { wakes, deliveries, now } = repairs;
  for (const job of [...(await wakes.getDelayed(0, PAGE)), ...(await deliveries.getDelayed(0, PAGE))]) {
    if (!job || (job.processedOn ?? 0) < now() + CLOCK_SKEW_MS || !isOurs(job)) continue;
    await job.promote();
    await count(repairs, 'clock', job.data.wake.id);
  }
}
