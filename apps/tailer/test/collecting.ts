/** Helpers of the tailer's tests: a collector that keeps its lines, a decision, and property tests bounded by time. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
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
    take: ({ bytes, offset }) => lines.push({ text: bytes.toString(), offset }),
    full: () => lines.length >= ENOUGH,
  };
}

/** A decision without rows, except for `more`. */
export function decisionOn(more: Partial<Decided>): Decided {
  const rejected = { stale: 0, malformed: 0 };
  return { lines: 0, enqueued: [], coalesced: [], rejected, bad: 0, oldest: Infinity, ...more };
}

/** A property test stops after this time, ms. It is far below the timeout of its test, also for the last run. */
const PROPERTY_LIMIT_MS = 20_000;
/** Timeout of a test that calls {@link checkProperty}, ms. Only a run that hangs reaches it. */
export const PROPERTY_TIMEOUT_MS = 180_000;

/**
 * Checks a property in `numRuns` runs, or in as many as the time allows, so that a busy machine makes fewer runs instead of
 * failing. Prints the number of runs, and fails if none was finished.
 */
export async function checkProperty<T extends unknown[]>(
  name: string,
  numRuns: number,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => Promise<void>,
): Promise<void> {
  let runs = 0;
  const counted = async (values: T) => {
    await check(...values);
    runs++;
  };
  await fc.assert(fc.asyncProperty(fc.tuple<T>(...arbitraries), counted), {
    numRuns,
    interruptAfterTimeLimit: PROPERTY_LIMIT_MS,
    markInterruptAsFailure: false,
  });
  console.log(`${name}: ${runs} of ${numRuns} runs`);
  expect(runs).toBeGreaterThan(0);
}
