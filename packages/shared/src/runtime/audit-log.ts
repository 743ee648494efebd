/** Appends rows to the audit log. If a row cannot be written, that is logged and the caller continues. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JsonObject } from '../wake/json.ts';
import { errorCode } from './errors.ts';
import { makeFolder } from './folders.ts';
import { errorFields, type Logger } from './log.ts';
import { logEvent } from './log-events.ts';

export interface AuditRow {
  seam: string;
  details: JsonObject;
  /** The same in all rows of one investigation; null for a row outside of an investigation. */
  sessionId: string | null;
  source: 'reasoning' | null;
}

export type AppendRow = (row: AuditRow) => Promise<void>;

/**
 * Rows that are appended during a write are written together by the next write.
 *
 * @param now ms since the epoch
 * @returns appends one row. Its promise resolves after the attempt to write and never rejects.
 */
export function auditLog(path: string, now: () => number, log: Logger): AppendRow {
  let waiting: Array<{ text: string; seam: string; written: () => void }> = [];
  let writing = false;

  async function writeAll(): Promise<void> {
    writing = true;
    for (let rows = waiting; rows.length > 0; rows = waiting) {
      waiting = [];
      try {
        await appendRows(
          path,
          rows.map(({ text }) => text),
        );
      } catch (error) {
        for (const { seam } of rows) {
          logEvent(log, 'audit_log.write_failed', { path, seam, ...errorFields(error) });
        }
      }
      for (const { written } of rows) written();
    }
    writing = false;
  }

  return ({ seam, details, sessionId, source }) =>
    new Promise((written) => {
      const row = {
        emitted_at: new Date(now()).toISOString().replace('Z', '+00:00'),
        seam,
        details,
        caller_session_id: sessionId,
        source,
      };
      waiting.push({ text: JSON.stringify(row), seam, written });
      if (!writing) void writeAll();
    });
}

const NEWLINE = 0x0a;

/**
 * Appends rows in one write, so that rows of several processes do not mix. If the file ends in an incomplete line of a
 * writer that died, the first row still begins on its own line.
 *
 * @param rows JSON texts without newlines
 * @throws a system error if the file cannot be written
 */
export async function appendRows(path: string, rows: string[]): Promise<void> {
  const file = await openToAppend(path);
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const lastLineComplete = bytesRead === 0 || buffer[0] === NEWLINE;
    await file.write(`${lastLineComplete ? '' : '\n'}${rows.join('\n')}\n`);
  } finally {
    await file.close();
  }
}

async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(path));
    return open(path, 'a+');
  }
}
