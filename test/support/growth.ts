/** How the time of a function grows with the size of its input, measured so that other processes do not count. */

/** CPU time of one measurement, µs. The system counts it in steps of some milliseconds. */
const MEASURED_US = 40_000;
/** Garbage collection falls on some measurements only. */
const ATTEMPTS = 5;

/**
 * Compares the CPU time of one run of ten times the size with that of ten runs of the size: about the same if the time is in
 * proportion to the size, ten times as much if it is quadratic.
 *
 * @param run does the work for an input of a size
 */
export function growsInProportion(run: (size: number) => void, size: number): boolean {
  const cpuUs = (times: number, each: number) => {
    const before = process.cpuUsage();
    for (let i = 0; i < times; i++) run(each);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  let times = 1;
  while (cpuUs(10 * times, size) < MEASURED_US) times *= 2;
  for (let i = 0; i < ATTEMPTS; i++) if (cpuUs(times, 10 * size) < 4 * cpuUs(10 * times, size)) return true;
  return false;
}
