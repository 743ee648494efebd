/** Settings for property tests: bounded by time, because a busy machine must not fail them, and with a report. */
import { assert, defaultReportMessage, type IRawProperty } from 'fast-check';

/** Time limit of one property, ms. Runs that are done by then decide. The field tests give properties more time. */
const TIME_LIMIT_MS = Number(process.env.PROPERTY_MS ?? 1_500);

/**
 * Asserts a property. At least one run is made, however busy the machine is; the time limit concerns the others. Prints the
 * number of runs.
 *
 * @param name of the property, for the report
 */
export async function assertBounded<T>(
  property: IRawProperty<T>,
  name: string,
  numRuns: number,
  ms = TIME_LIMIT_MS,
): Promise<void> {
  await assert(property, { numRuns: 1 });
  await assert(property, {
    numRuns,
    interruptAfterTimeLimit: ms,
    // fast-check calls it after a success too, and relies on it to throw after a failure.
    reporter: (details) => {
      const wasInterruptedFirst = details.interrupted && details.numRuns === 0;
      if (details.failed && !wasInterruptedFirst) throw new Error(defaultReportMessage(details));
      console.log(`${name}: ${details.numRuns} of ${numRuns} runs`);
    },
  });
}

/**
 * Remembers the last run of a property. fast-check does not wait for it when the time is up, but the test must: the run uses
 * connections that are closed after the test.
 */
export function lastRun<A extends unknown[]>(run: (...args: A) => Promise<void>) {
  let last: Promise<void> = Promise.resolve();
  return {
    run: (...args: A): Promise<void> => {
      last = run(...args);
      return last;
    },
    /** Resolves when the last run has ended, in any way. */
    ended: (): Promise<void> => last.catch(() => undefined),
  };
}
