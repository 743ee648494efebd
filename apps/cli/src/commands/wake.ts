/** `npm run wake`: appends one wake row to the audit log, as a probe would. */
import { parseArgs } from 'node:util';
import { appendRows } from '@kora-wake/shared/runtime/audit-log';
import { loadConfig } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';

const USAGE = `usage: npm run wake -- --probe NAME --category NAME [--severity critical|warning|info] [--title TEXT] [--detail TEXT] [--snapshot JSON]`;

try {
  const { values } = readArguments();
  const { auditLogPath } = loadConfig(process.env).config;
  const details = {
    probe: values.probe,
    severity: values.severity,
    category: values.category,
    title: values.title,
    detail: values.detail,
    snapshot_details: snapshot(values.snapshot),
    envelope_enabled: false,
    envelope_fix_name: '(none)',
  };
  const emittedAt = new Date().toISOString().replace('Z', '+00:00');
  const row = { emitted_at: emittedAt, seam: WAKE_SEAM, details, caller_session_id: null, source: null };
  await append(auditLogPath, JSON.stringify(row));
  console.log(
    `Wake written to ${auditLogPath}. Its DM appears where Kora Wake runs, unless its window is open: then it is counted there.`,
  );
} catch (error) {
  if (!(error instanceof StartupError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function readArguments() {
  const text = { type: 'string' } as const;
  try {
    const read = parseArgs({
      options: {
        probe: text,
        category: text,
        severity: { ...text, default: 'warning' },
        title: { ...text, default: '(no title)' },
        detail: { ...text, default: '(no detail)' },
        snapshot: { ...text, default: '{}' },
      },
    });
    if (!read.values.probe || !read.values.category)
      throw new StartupError(`--probe and --category are needed.\n${USAGE}`);
    return read;
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`${error instanceof Error ? error.message : ''}\n${USAGE}`);
  }
}

function snapshot(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new StartupError(`--snapshot is not valid JSON.\n${USAGE}`);
  }
}

async function append(path: string, line: string): Promise<void> {
  try {
    await appendRows(path, [line]);
  } catch (error) {
    throw new StartupError(
      `${path} cannot be written (${errorReason(error)}). Set KORA_AUDIT_LOG_PATH or KORA_HOME to a place that can.`,
    );
  }
}
