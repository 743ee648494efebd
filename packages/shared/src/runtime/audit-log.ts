/** Rows that we append to the audit log. A row that cannot be written is logged, and stops nothing. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JsonObject } from '../wake/json.ts';
import { errorCode } from './errors.ts';
import { makeFolder } from './folders.ts';
import { errorFields, type Logger } from './log.ts';

export interface AuditRow {
  seam: string;
  details: JsonObject;
  /** Joins the rows of one investigation; null where there is none. */
  sessionId: string | null;
  source: 'reasoning' | null;
}

export type AppendRow = (row: AuditRow) => Promise<void>;

/**
 * Rows that are appended while others are being written go together, in the next write.
 *
 * @param now ms since the epoch
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
          log.warn({ path, seam, ...errorFields(error) }, 'the audit log cannot be written; going on without this row');
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
 * Appends rows, in one write, so that rows of several processes do not mix. A writer that died in its last line does not
 * take the first of them with it: it begins on a line of its own.
 *
 * @param rows each without its newline
 * @throws where the file cannot be written
 */
export async function appendRows(path: string, rows: string[]): Promise<void> {
  const file = await openToAppend(path);
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const whole = bytesRead === 0 || buffer[0] === NEWLINE;
    await file.write(`${whole ? '' : '\n'}${rows.join('\n')}\n`);
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
