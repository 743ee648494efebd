/**
 * Appends rows to the audit log and makes them durable before it resolves. Rows that arrive during a write are written and synced
 * together by the next one. If anything fails, no part of a row stays in the log, and the caller learns it.
 */
import { setImmediate } from 'node:timers/promises';
import { withTimeLimit } from '@kora-wake/shared/runtime/async';
import { errorReason } from '@kora-wake/shared/runtime/errors';
import { LogUnavailable } from './durable-write.ts';
import type { WriteRows } from './log-writer.ts';

export interface DurableLog {
  /**
   * @param rows JSON texts without newlines
   * @param settled called once when it is known whether the rows are durable, maybe after the promise was rejected
   * @throws LogUnavailable
   */
  append(rows: string[], settled: (isWritten: boolean) => void): Promise<void>;
}

export interface DurableLogLimits {
  /** Bytes of rows that may wait for the disk. */
  maxWaitingBytes: number;
  /** Longest wait of a caller, ms. The most impatient tools give up after one second, most after five. */
  waitMs: number;
}

const DURABLE_LOG_LIMITS: DurableLogLimits = { maxWaitingBytes: 32 * 1024 * 1024, waitMs: 4_000 };

/** Bytes of one write. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

interface Waiting {
  bytes: Buffer;
  done: (error: LogUnavailable | undefined) => void;
}

export function durableLog(write: WriteRows, limits: DurableLogLimits = DURABLE_LOG_LIMITS): DurableLog {
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let isWriting = false;

  async function writeAll(): Promise<void> {
    isWriting = true;
    // The other requests that are ready by now join the first write.
    await setImmediate();
    while (waiting.length > 0) {
      const batch = takeBatch();
      const error = await write(Buffer.concat(batch.map(({ bytes }) => bytes))).then(
        () => undefined,
        (fault: unknown) => (fault instanceof LogUnavailable ? fault : new LogUnavailable(errorReason(fault))),
      );
      for (const { bytes, done } of batch) {
        waitingBytes -= bytes.length;
        done(error);
      }
    }
    isWriting = false;
  }

  function takeBatch(): Waiting[] {
    let size = 0;
    let n = 0;
    for (const { bytes } of waiting) {
      if (n > 0 && size + bytes.length > MAX_WRITE_BYTES) break;
      size += bytes.length;
      n++;
    }
    return waiting.splice(0, n);
  }

  return {
    append: async (rows, settled) => {
      const bytes = Buffer.from(`${rows.join('\n')}\n`);
      if (waitingBytes + bytes.length > limits.maxWaitingBytes) {
        settled(false);
        throw new LogUnavailable('too many alerts wait for the disk');
      }
      waitingBytes += bytes.length;
      const written = new Promise<void>((resolve, reject) => {
        waiting.push({
          bytes,
          done: (error) => {
            settled(error === undefined);
            if (error) reject(error);
            else resolve();
          },
        });
      });
      if (!isWriting) void writeAll();
      const { inTime } = await withTimeLimit(written, limits.waitMs);
      if (!inTime) throw new LogUnavailable('the disk is too slow');
    },
  };
}
