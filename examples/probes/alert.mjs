#!/usr/bin/env node
// Appends one alert to the audit log.
// Usage: node alert.mjs PROBE CATEGORY SEVERITY TITLE
// The log is $KORA_AUDIT_LOG_PATH, or ~/.kora/kora_audit_log.jsonl.
import { appendFileSync } from 'node:fs';
import { homedir } from 'node:os';

/** Appends one row with one write, so that rows of several probes do not mix. */
export function alert({ probe, category, severity, title, detail = '', snapshot = {} }) {
  const log = process.env.KORA_AUDIT_LOG_PATH || `${homedir()}/.kora/kora_audit_log.jsonl`;
  const row = {
    emitted_at: new Date().toISOString(),
    seam: 'probe.wake_requested',
    details: { probe, category, severity, title, detail, snapshot_details: snapshot },
    caller_session_id: null,
    source: null,
  };
  appendFileSync(log, `${JSON.stringify(row)}\n`);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const [probe, category, severity, title] = process.argv.slice(2);
  if (title === undefined) {
    console.error('usage: node alert.mjs PROBE CATEGORY SEVERITY TITLE');
    process.exit(2);
  }
  alert({ probe, category, severity, title });
}
