/** Queues the delivery of wakes that were investigated but lost their delivery job, with the report that was paid for. */
import { deliverJobId, deliverJobOptions } from '@kora-wake/shared/store/queues';
import { readWakeRecord, readWakeState } from '@kora-wake/shared/store/wake-record';
import { count, eachEnded, type Repairs } from './repairs.ts';

/** @param since jobs that ended earlier are repaired already, ms since the epoch */
export async function repairUndelivered(repairs: Repairs, since: number): Promise<void> {
  const { redis, keys, wakes, deliveries } = repairs;
  await eachEnded(repairs, wakes, 'completed', since, async ({ data: { wake } }) => {
    if ((await readWakeState(redis, keys, wake.id)).outcome) return;
    if (await deliveries.getJob(deliverJobId(wake.id))) return;
    const report = (await readWakeRecord(redis, keys, wake.id))?.report;
    if (!report) return;
    await deliveries.add('deliver', { wake, report }, deliverJobOptions(wake));
    await count(repairs, 'delivery', wake.id);
  });
}
