/** Appends one row to the audit log for a command. */
import { type AuditLogFile, appendRows } from '@kora-wake/shared/runtime/audit-log';
import { only } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { logRow } from '@kora-wake/shared/wake/log-row';
import type { Env, Io } from './command.ts';
import { readConfig } from './settings.ts';

/**
 * @returns the path of the log
 * @throws StartupError if the row cannot be written
 */
export async function appendRow(seam: string, details: JsonObject, env: Env, io: Io): Promise<string> {
  const { auditLogPath, createsLogFolder } = readConfig(env, io, only('KORA_HOME', 'KORA_AUDIT_LOG_PATH'));
  const row = logRow({ seam, details, sessionId: null, source: null }, Date.now());
  await append({ path: auditLogPath, createsFolder: createsLogFolder }, JSON.stringify(row));
  return auditLogPath;
}

async function append(file: AuditLogFile, line: string): Promise<void> {
  const { path } = file;
  let isWritten: boolean;
  try {
    isWritten = await appendRows(file, [line]);
  } catch (error) {
    throw new StartupError(
      `cannot write to ${path} (${errorReason(error)}). Set KORA_AUDIT_LOG_PATH or KORA_HOME to a path that this user may write to.`,
      { cause: error },
    );
  }
  if (!isWritten) {
    throw new StartupError(
      `${path} does not exist, and its probes could not write to a log that this user creates. Create it as the user of the probes, or run this command as that user.`,
    );
  }
}
