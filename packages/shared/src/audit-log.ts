/** Rows that we append to the audit log. A row that cannot be written is logged, and stops nothing. */
import { appendFile } from 'node:fs/promises';
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
      // One write of a whole line: rows of several processes do not mix.
      await appendFile(path, `${JSON.stringify(row)}\n`);
    } catch (error) {
      log.warn({ path, seam, ...errorFields(error) }, 'the audit log cannot be written; going on without this row');
    }
  };
}
