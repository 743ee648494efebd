/** The thread of `threadedWriter`. It writes one batch at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import { z } from 'zod';
import { writeDurably } from './durable-write.ts';
import type { WriteResult } from './log-writer.ts';

const target = z.object({ path: z.string(), createsFolder: z.boolean() }).parse(workerData);
const port = parentPort;

port?.on('message', (rows: Uint8Array) => {
  void write(rows).then((result) => port.postMessage(result));
});

async function write(rows: Uint8Array): Promise<WriteResult> {
  try {
    await writeDurably(target, rows);
    return null;
  } catch (error) {
    return errorReason(error);
  }
}
