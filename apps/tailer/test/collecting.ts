/** Helpers of the tailer's tests: a collector that keeps its lines, and a decision. */
import type { Decided } from '../src/decide/batch.ts';
import type { Collector } from '../src/log/scan.ts';

export interface Kept extends Collector {
  lines: Array<{ text: string; offset: number }>;
}

/** A batch of {@link keeping} is full at this number of lines. */
export const ENOUGH = 4_096;

export function keeping(): Kept {
  const lines: Kept['lines'] = [];
  return {
    lines,
    take: ({ bytes, offset }) => lines.push({ text: bytes.toString(), offset }) > 0,
    full: () => lines.length >= ENOUGH,
  };
}

/** A decision without rows, except for `more`. */
export function decisionOn(more: Partial<Decided>): Decided {
  const rejected = { stale: 0, malformed: 0 };
  return {
    lines: 0,
    enqueued: [],
    coalesced: [],
    buffered: [],
    counts: [],
    muted: [],
    rejected,
    firing: [],
    bad: 0,
    unreadable: [],
    oldest: Infinity,
    ...more,
  };
}
