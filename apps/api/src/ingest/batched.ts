import { setImmediate } from 'node:timers/promises';

/**
 * Collects the calls of one turn of the event loop, and those that are made while an earlier batch runs, and runs them together.
 * During a storm many requests then share one message to Redis, and a single request waits no longer.
 *
 * @param run resolves with one result for each item, in their order; its rejection reaches every caller of the batch
 */
export function batched<Item, Result>(run: (items: Item[]) => Promise<Result[]>): (item: Item) => Promise<Result> {
  let waiting: Array<{ item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }> = [];
  let isRunning = false;

  async function runAll(): Promise<void> {
    // The other requests that have arrived by now join the first batch.
    await setImmediate();
    for (let batch = waiting; batch.length > 0; batch = waiting) {
      waiting = [];
      try {
        const results = await run(batch.map(({ item }) => item));
        for (const [i, { resolve, reject }] of batch.entries()) {
          const result = results[i];
          if (result === undefined) reject(new Error('a batch has fewer results than items'));
          else resolve(result);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isRunning = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      void runAll();
    });
}
