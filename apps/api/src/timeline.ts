/** Counts wakes in parts of equal length. */
import type { FoundWake, SearchPeriod } from '@kora-wake/shared/store/wake-search';
import type { Timeline } from './contract.ts';
import { EPOCH, isoTime } from './times.ts';

/** The shortest part, ms. */
const MIN_BUCKET_MS = 1_000;

/**
 * @param found newest first
 * @param period `since` 0: the timeline begins with the first wake. It ends late enough for a wake whose clock was ahead.
 */
export function timelineOf(found: FoundWake[], period: SearchPeriod, count: number): Omit<Timeline, 'isComplete'> {
  const from = period.since || (found.at(-1)?.at ?? period.before);
  const to = Math.max(period.before, (found[0]?.at ?? 0) + 1, from + 1);
  const bucketMs = Math.max(MIN_BUCKET_MS, Math.ceil((to - from) / count));
  const buckets = Map.groupBy(found, ({ at }) => Math.floor((at - from) / bucketMs));
  return {
    from: isoTime(from) ?? EPOCH,
    to: isoTime(to) ?? EPOCH,
    bucketMs,
    buckets: [...buckets].toReversed().map(([number, wakes]) => ({
      start: isoTime(from + number * bucketMs) ?? EPOCH,
      wakes: wakes.length,
      suppressed: wakes.reduce((sum, { suppressed }) => sum + suppressed, 0),
      notSent: wakes.filter(({ outcome }) => outcome === 'dead').length,
      pending: wakes.filter(({ outcome }) => outcome === null).length,
    })),
    wakes: found.length,
  };
}
