/** Closes windows whose wake has no job any more: otherwise they would suppress rows for nobody. */
import type { Place } from '@kora-wake/shared/store/page';
import { listWindows, releaseWindow } from '@kora-wake/shared/store/windows';
import { count, PAGE, type Repairs } from './repairs.ts';

export async function repairWindows(repairs: Repairs): Promise<void> {
  const { redis, keys, wakes } = repairs;
  let after: Place | undefined;
  do {
    const { entries, next } = await listWindows({ redis, keys, queue: wakes }, { limit: PAGE, after });
    for (const { probe, category, wakeId } of entries) {
      if (await wakes.getJob(wakeId)) continue;
      await releaseWindow(redis, keys, { id: wakeId, probe, category });
      await count(repairs, 'window', wakeId);
    }
    after = next ?? undefined;
  } while (after !== undefined);
}
