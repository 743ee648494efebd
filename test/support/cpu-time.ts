/** The CPU time of a function, and how it grows with the size of its input. Other processes do not count. */

/** CPU time of a measurement of growth, µs. The system counts it in steps of some milliseconds. */
const MEASURED_US = 40_000;
/** Garbage collection falls on some measurements only. */
const ATTEMPTS = 5;

/** The CPU time of `work`, µs. */
export function cpuUs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/**
 * Compares the CPU time of one run of ten times the size with that of ten runs of the size: about the same if the time is in
 * proportion to the size, ten times as much if it is quadratic.
 *
 * @param run does the work for an input of a size
 */
export function growsInProportion(run: (size: number) => void, size: number): boolean {
  const repeated = (times: number, each: number) =>
    cpuUs(() => {
      for (let i = 0; i < times; i++) run(each);
    });
  let times = 1;
  while (repeated(10 * times, size) < MEASURED_US) times *= 2;
  for (let i = 0; i < ATTEMPTS; i++) if (repeated(times, 10 * size) < 4 * repeated(10 * times, size)) return true;
  return false;
}
