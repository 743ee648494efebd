/** State of one queue, for the API and its metrics. */
import type { Queue } from 'bullmq';
import { JOB_STATES } from './contract.ts';

/** Number of jobs by state. */
export async function countJobs(queue: Queue): Promise<Record<(typeof JOB_STATES)[number], number>> {
  const {
    waiting = 0,
    active = 0,
    delayed = 0,
    prioritized = 0,
    completed = 0,
    failed = 0,
  } = await queue.getJobCounts(...JOB_STATES);
  return { waiting, active, delayed, prioritized, completed, failed };
}

/** Age of the oldest waiting job, ms. Null if no job waits, or if the job is not valid. @param at ms since the epoch */
export async function oldestWaitingMs(queue: Queue, at: number): Promise<number | null> {
  try {
    // Those with a priority wait in a list of their own.
    const first = await Promise.all([queue.getWaiting(0, 0), queue.getPrioritized(0, 0)]);
    const times = first
      .flat()
      .map(({ timestamp }) => timestamp)
      .filter((timestamp) => Number.isFinite(timestamp));
    return times.length > 0 ? Math.max(0, at - Math.min(...times)) : null;
  } catch (error) {
    // The data of the job is not JSON: anybody can add to a queue.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
