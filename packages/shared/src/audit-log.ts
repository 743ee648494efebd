/** Rows that we append to the audit log. A row that cannot be written is logged, and stops nothing. */
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JsonObject } from './core/json.ts';
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

/** @param now ms since the epoch */
export function auditLog(path: string, now: () => number, log: Logger): AppendRow {
  return async ({ seam, details, sessionId, source }) => {
    const row = {
      emitted_at: new Date(now()).toISOString().replace('Z', '+00:00'),
      seam,
      details,
      caller_session_id: sessionId,
      source,
    };
    try {
      await makeFolder(dirname(path));
      await appendRow(path, JSON.stringify(row));
    } catch (error) {
      log.warn({ path, seam, ...errorFields(error) }, 'the audit log cannot be written; going on without this row');
    }
  };
}

const NEWLINE = 0x0a;

/**
 * Appends one row, in one write, so that rows of several processes do not mix. A writer that died in its last line does
 * not take this one with it: it begins on a line of its own.
 *
 * @param row without its newline
 * @throws where the file cannot be written
 */
export async function appendRow(path: string, row: string): Promise<void> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const whole = bytesRead === 0 || buffer[0] === NEWLINE;
    await file.write(`${whole ? '' : '\n'}${row}\n`);
  } finally {
    await file.close();
  }
}
