/**
 * Appends rows to the audit log and makes them durable before it resolves. Rows that arrive during a write are written and synced
 * together by the next one. If anything fails, no part of a row stays in the log, and the caller learns it.
 */
import { type FileHandle, stat } from 'node:fs/promises';
import { withTimeLimit } from '@kora-wake/shared/runtime/async';
import { type AuditLogFile, missingNewline, openToAppend } from '@kora-wake/shared/runtime/audit-log';
import { errorReason } from '@kora-wake/shared/runtime/errors';

/** The rows were not written, or not in time. */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
  /** True if the rows are certainly not in the log; false if they may still be written. */
  readonly isNotWritten: boolean;

  constructor(message: string, isNotWritten: boolean) {
    super(message);
    this.isNotWritten = isNotWritten;
  }
}

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
/** Attempts of one write if the log is rotated meanwhile. */
const MAX_ATTEMPTS = 5;

interface Waiting {
  bytes: Buffer;
  done: (error: LogUnavailable | undefined) => void;
}

export function durableLog(file: AuditLogFile, limits: DurableLogLimits = DURABLE_LOG_LIMITS): DurableLog {
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let isWriting = false;

  async function writeAll(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = takeBatch();
      const error = await writeDurably(
        file,
        batch.map(({ bytes }) => bytes),
      ).then(
        () => undefined,
        (fault: unknown) => (fault instanceof LogUnavailable ? fault : new LogUnavailable(errorReason(fault), true)),
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
        throw new LogUnavailable('too many alerts wait for the disk', true);
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
      if (!inTime) throw new LogUnavailable('the disk is too slow', false);
    },
  };
}

/** @throws LogUnavailable, or a system error; then no part of the rows is in the log */
async function writeDurably(target: AuditLogFile, rows: Buffer[]): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const file = await openToAppend(target);
    if (!file) throw new LogUnavailable('it does not exist, and only its owner may create it', true);
    try {
      const end = await appendWhole(file, rows);
      await file.datasync();
      if (await isStillTheLog(target.path, file, end)) return;
    } finally {
      // Nobody waits for it: the rows are synced, or the caller learns the error.
      file.close().catch(() => undefined);
    }
  }
  throw new LogUnavailable('it is rotated again and again', false);
}

/**
 * Appends all bytes or none. @returns the size of the file after it, bytes; more if others appended too
 */
async function appendWhole(file: FileHandle, rows: Buffer[]): Promise<number> {
  const { size } = await file.stat();
  const bytes = Buffer.concat([Buffer.from(await missingNewline(file, size)), ...rows]);
  let written = 0;
  try {
    while (written < bytes.length) {
      const { bytesWritten } = await file.write(bytes, written, bytes.length - written);
      written += bytesWritten;
    }
  } catch (error) {
    // A full disk. Only if nobody else appended meanwhile are the last bytes ours.
    if (written > 0 && (await file.stat()).size === size + written) await file.truncate(size);
    throw error;
  }
  return size + bytes.length;
}

/** False if the log was renamed, removed or emptied during the write: the rows may then be in a file that nobody reads. */
async function isStillTheLog(path: string, file: FileHandle, end: number): Promise<boolean> {
  const [own, current] = await Promise.all([
    file.stat({ bigint: true }),
    stat(path, { bigint: true }).catch(() => undefined),
  ]);
  return current !== undefined && current.ino === own.ino && current.dev === own.dev && own.size >= BigInt(end);
}
