/**
 * Writes to the audit log in a thread. A slow disk then does not stop the API, and a write costs the API two messages instead of a
 * turn of its event loop for each of eight calls.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AuditLogFile } from '@kora-wake/shared/runtime/audit-log';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import { LogUnavailable } from './durable-write.ts';

/**
 * Writes whole lines, all or none, and syncs them. The caller makes one call at a time.
 *
 * @throws LogUnavailable, or a system error
 */
export type WriteRows = (rows: Uint8Array) => Promise<void>;

/** The answer of the thread: why the rows are not durable, or null. */
export type WriteResult = string | null;

/** Next to this file, in `src` and in `dist`. */
const THREAD = new URL(`./log-thread${extname(import.meta.filename)}`, import.meta.url);

/** The thread starts with the first write, and again after it has failed. */
export function threadedWriter(file: AuditLogFile): { write: WriteRows; close(): Promise<void> } {
  let thread: Worker | undefined;

  function start(): Worker {
    const started = new Worker(THREAD, { workerData: file });
    started.once('exit', () => {
      if (thread === started) thread = undefined;
    });
    // Only a write in progress keeps the process alive.
    started.unref();
    return started;
  }

  return {
    write: async (rows) => {
      thread ??= start();
      const fault = await resultOf(thread, rows);
      if (fault !== null) throw new LogUnavailable(fault);
    },
    close: async () => {
      await thread?.terminate();
    },
  };
}

function resultOf(thread: Worker, rows: Uint8Array): Promise<WriteResult> {
  return new Promise((resolve) => {
    const end = (result: WriteResult) => {
      thread.off('message', end).off('error', fail).off('exit', exit).unref();
      resolve(result);
    };
    const fail = (error: unknown) => end(`its writer has failed (${errorReason(error)})`);
    const exit = () => fail('exit');
    thread.on('message', end).on('error', fail).on('exit', exit).ref();
    thread.postMessage(rows);
  });
}
