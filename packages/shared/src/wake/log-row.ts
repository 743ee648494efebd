/** The form of the rows that we append to the audit log ourselves. */
import type { JsonObject } from './json.ts';

export interface LogRow {
  seam: string;
  details: JsonObject;
  /** The same in all rows of one investigation; null for a row outside of an investigation. */
  sessionId: string | null;
  source: 'reasoning' | null;
}

/** A row as the log has it. @param at ms since the epoch */
export function logRow({ seam, details, sessionId, source }: LogRow, at: number): JsonObject {
  return {
    emitted_at: new Date(at).toISOString().replace('Z', '+00:00'),
    seam,
    details,
    caller_session_id: sessionId,
    source,
  };
}
