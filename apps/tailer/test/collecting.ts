/** What tests keep of the lines that a follower finds, and of what was decided. */
import type { Decided } from '../src/decide/batch.ts';
import type { Collector } from '../src/log/scan.ts';

export interface Kept extends Collector {
  lines: Array<{ text: string; offset: number }>;
}

/** So many lines are enough for one batch. */
export const ENOUGH = 4_096;

export function keeping(): Kept {
  const lines: Kept['lines'] = [];
  return {
    lines,
    take: ({ bytes, offset }) => lines.push({ text: bytes.toString(), offset }),
    full: () => lines.length >= ENOUGH,
  };
}

/** Nothing, but for what is given. */
export function decisionOn(more: Partial<Decided>): Decided {
  const rejected = { stale: 0, malformed: 0 };
  return { lines: 0, enqueued: [], coalesced: [], rejected, bad: 0, oldest: Infinity, ...more };
}
