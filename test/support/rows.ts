/** Writes and reads rows of the audit log. */
import { appendFileSync, readFileSync } from 'node:fs';

interface RowOptions {
  probe?: string;
  category?: string;
  severity?: string;
  title?: string;
  detail?: string;
  emittedAt?: string;
  details?: Record<string, unknown>;
}

/** One wake row as a probe writes it, without its newline. */
export function wakeRow(options: RowOptions = {}): string {
  return JSON.stringify({
    emitted_at: options.emittedAt ?? new Date().toISOString().replace('Z', '+00:00'),
    seam: 'probe.wake_requested',
    details: {
      probe: options.probe ?? 'fly',
      severity: options.severity ?? 'warning',
      category: options.category ?? 'service_unhealthy',
      title: options.title ?? 'Fly app(s) unreachable: HTTP 401',
      detail: options.detail ?? 'Fly probe reported status=unhealthy.',
      snapshot_details: { apps_running: 0 },
      envelope_enabled: false,
      envelope_fix_name: '(none)',
      ...options.details,
    },
    caller_session_id: null,
    source: null,
  });
}

/** One recovery row without its newline. */
export function recoveredRow(details: Record<string, unknown>, emittedAt = new Date().toISOString()): string {
  return JSON.stringify({
    emitted_at: emittedAt,
    seam: 'probe.recovered',
    details,
    caller_session_id: null,
    source: null,
  });
}

export function append(path: string, ...rows: string[]): void {
  appendFileSync(path, rows.map((row) => `${row}\n`).join(''));
}

/** The rows of a JSONL file. */
export function rowsOf(path: string): Array<Record<string, any>> {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
