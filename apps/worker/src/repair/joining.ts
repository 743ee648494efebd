/** Starts wakes that wait for a newer one, although it was sent: its worker died before it could start them. */
import { isOurs } from '@kora-wake/shared/store/queues';
import { findNewer } from '../investigation/join.ts';
import { count, PAGE, type Repairs } from './repairs.ts';

export async function repairJoining(repairs: Repairs): Promise<void> {
  for (const job of await repairs.wakes.getDelayed(0, PAGE)) {
    if (!job || !isOurs(job) || (await findNewer(repairs, job.data.wake)).kind !== 'joined') continue;
    await job.promote();
    await count(repairs, 'joining', job.data.wake.id);
  }
}
