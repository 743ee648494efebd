/** `kora-wake wake`: appends one wake row to the audit log, as a probe does. */
import { type AuditLogFile, appendRows } from '@kora-wake/shared/runtime/audit-log';
import { only } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { defineCommand, UsageError } from '../command.ts';
import { readConfig } from '../settings.ts';

export const command = defineCommand({
  name: 'wake',
  summary: 'Appends a wake row to the audit log, as a probe does.',
  usage: '--probe NAME --category NAME [options]',
  options: {
    probe: { type: 'string', value: 'NAME', about: 'the probe that found the problem, for example fly' },
    category: { type: 'string', value: 'NAME', about: 'the kind of problem, for example service_unhealthy' },
    severity: { type: 'string', value: 'NAME', about: 'critical, warning or info', default: 'warning' },
    title: { type: 'string', value: 'TEXT', about: 'the problem in one line', default: '(no title)' },
    detail: { type: 'string', value: 'TEXT', about: 'further facts', default: '(no detail)' },
    snapshot: { type: 'string', value: 'JSON', about: 'facts as a JSON object', default: '{}' },
  },
  run: async ({ values }, env, io) => {
    const { probe, category, severity, title, detail } = values;
    if (!probe || !category) throw new UsageError('--probe and --category are needed.');
    const details = {
      probe,
      severity,
      category,
      title,
      detail,
      snapshot_details: readSnapshot(values.snapshot),
      envelope_enabled: false,
      envelope_fix_name: '(none)',
    };
    const { auditLogPath, createsLogFolder } = readConfig(env, io, only('KORA_HOME', 'KORA_AUDIT_LOG_PATH'));
    const emittedAt = new Date().toISOString().replace('Z', '+00:00');
    const row = { emitted_at: emittedAt, seam: WAKE_SEAM, details, caller_session_id: null, source: null };
    await append({ path: auditLogPath, createsFolder: createsLogFolder }, JSON.stringify(row));
    io.out(`Row written to ${auditLogPath}.
If Kora Wake runs, it sends a DM, unless the window of ${probe} / ${category} is open: then it counts the row as a repeat.`);
    return 0;
  },
});

function readSnapshot(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new UsageError('--snapshot is not valid JSON.');
  }
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
