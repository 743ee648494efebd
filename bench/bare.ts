/**
 * A minimal program with the same libraries, for comparison, as a process: `node bench/bare.ts ROLE`.
 *
 *   idle    a connection and a queue, to measure memory
 *   chain   two queues: each job of the first adds one to the second, which does nothing
 */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { DELIVERY_CONCURRENCY } from '../apps/worker/src/workers.ts';

const { REDIS_URL = '', KORA_QUEUE_PREFIX: prefix = '' } = process.env;
const [, , role] = process.argv;
/** The default of KORA_WORKER_CONCURRENCY. */
const CONCURRENCY = 8;

const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
const second = new Queue('second', { connection, prefix });
await second.waitUntilReady();
if (role === 'chain') {
  const workers = [
    new Worker(
      'first',
      async (job) => {
        await second.add('job', job.data);
      },
      { connection, prefix, concurrency: CONCURRENCY },
    ),
    new Worker('second', async () => undefined, { connection, prefix, concurrency: DELIVERY_CONCURRENCY }),
  ];
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
}
console.log('ready');
