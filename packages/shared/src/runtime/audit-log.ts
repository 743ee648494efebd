/** Appends rows to the audit log. If a row cannot be written, that is logged and the caller continues. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type LogRow, logRow } from '../wake/log-row.ts';
import { createLog } from './create-log.ts';
import { errorCode } from './errors.ts';
import { makeFolder } from './folders.ts';
import { errorFields, type Logger } from './log.ts';
import { logEvent } from './log-events.ts';

export type AppendRow = (row: LogRow) => Promise<void>;

/** Time between two attempts to write rows that wait for the log's owner to create the log, ms. */
const POSTPONED_MS = 5_000;
/** Rows that wait at most. */
const MAX_POSTPONED = 1_000;

export interface AuditLogFile {
  path: string;
  /** Whether the folder of the log is created if it is missing. */
  createsFolder: boolean;
}

interface WaitingRow {
  text: string;
  seam: string;
  written: () => void;
}

/**
 * Rows that are appended during a write are written together by the next write.
 *
 * @param now ms since the epoch
 * @returns appends one row. Its promise resolves after the attempt to write, and never rejects. If only the owner of the log may
 *   create it, the promise resolves at once, and the row is written when the log exists.
 */
export function auditLog(file: AuditLogFile, now: () => number, log: Logger, postponedMs = POSTPONED_MS): AppendRow {
  const { path } = file;
  let waiting: WaitingRow[] = [];
  let writing = false;
  let isPostponed = false;

  async function writeAll(): Promise<void> {
    writing = true;
    for (let rows = waiting; rows.length > 0; rows = waiting) {
      waiting = [];
      if (await write(rows)) continue;
      postpone(rows);
      break;
    }
    writing = false;
  }

  /** @returns false if the rows must wait for the log's owner */
  async function write(rows: WaitingRow[]): Promise<boolean> {
    try {
      const texts = rows.map(({ text }) => text);
      if (!(await appendRows(file, texts))) return false;
      isPostponed = false;
    } catch (error) {
      for (const { seam } of rows) logEvent(log, 'audit_log.write_failed', { path, seam, ...errorFields(error) });
    }
    for (const { written } of rows) written();
    return true;
  }

  function postpone(rows: WaitingRow[]): void {
    for (const { written } of rows) written();
    const all = [...rows, ...waiting];
    waiting = all.slice(-MAX_POSTPONED);
    for (const { seam } of all.slice(0, -MAX_POSTPONED)) {
      logEvent(log, 'audit_log.write_failed', { path, seam, error: 'too many rows wait for the log' });
    }
    if (!isPostponed) logEvent(log, 'audit_log.postponed', { path });
    isPostponed = true;
    setTimeout(() => void (writing || writeAll()), postponedMs).unref();
  }

  return (row) =>
    new Promise((written) => {
      waiting.push({ text: JSON.stringify(logRow(row, now())), seam: row.seam, written });
      if (!writing) void writeAll();
    });
}

const NEWLINE = 0x0a;

/**
 * Appends rows in one write, so that rows of several processes do not mix. If the file ends in an incomplete line of a
 * writer that died, the first row still begins on its own line.
 *
 * @param rows JSON texts without newlines
 * @returns false if the log does not exist, and this user may not create it for its owner; nothing was written
 * @throws a system error if the file cannot be written
 */
export async function appendRows(target: AuditLogFile, rows: string[]): Promise<boolean> {
  const file = await openToAppend(target);
  if (!file) return false;
  try {
    const { size } = await file.stat();
    await file.write(`${await missingNewline(file, size)}${rows.join('\n')}\n`);
    return true;
  } finally {
    await file.close();
  }
}

/** A newline if the file ends in an incomplete line of a writer that died, otherwise an empty text. @param size bytes */
async function missingNewline(file: FileHandle, size: number): Promise<'' | '\n'> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
  return bytesRead === 0 || buffer[0] === NEWLINE ? '' : '\n';
}

/** Opens the log, or undefined if it must be left to its owner to create it. */
export async function openToAppend({ path, createsFolder }: AuditLogFile): Promise<FileHandle | undefined> {
  const existing = await openExisting(path);
  if (existing) return existing;
  if (createsFolder) await makeFolder(dirname(path));
  return (await createLog(path)) ? openExisting(path) : undefined;
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | constants.O_APPEND);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
