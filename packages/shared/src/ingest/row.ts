/** Writes an ingested alert as a row of the audit log. We write these rows ourselves, so they are redacted and bounded before. */
import { isJsonObject, type JsonObject } from '../wake/json.ts';
import { limitBody, limitName, limitTitle } from '../wake/limits.ts';
import { safeLinks } from '../wake/links.ts';
import { logRow } from '../wake/log-row.ts';
import { type Redact, redactJson } from '../wake/redact.ts';
import { RECOVERED_SEAM, WAKE_SEAM } from '../wake/wake.ts';
import type { IngestedAlert } from './alert.ts';

/**
 * The row of an alert.
 *
 * @param source name of the source, such as `alertmanager`
 * @param at time of receipt, ms since the epoch
 */
export function rowOfAlert(alert: IngestedAlert, source: string, at: number, redact: Redact): JsonObject {
  const name = (value: string) => limitName(redact(value.toWellFormed(), { isName: true }));
  const text = (value: string) => redact(value.toWellFormed());
  const pair = {
    ...(alert.probe !== '' && { probe: name(alert.probe) }),
    ...(alert.category !== '' && { category: name(alert.category) }),
  };
  const snapshot = redactJson(
    { ...alert.facts, ...(alert.startedAt !== undefined && { started_at: alert.startedAt }) },
    redact,
  );
  const body = limitBody(text(alert.detail), isJsonObject(snapshot) ? snapshot : {});
  const shared = {
    ...pair,
    title: limitTitle(text(alert.title)),
    detail: body.detail,
    ...(alert.instance !== undefined && { instance: name(alert.instance) }),
    received_from: source,
  };
  const details =
    alert.status === 'recovered'
      ? shared
      : {
          ...shared,
          severity: alert.severity,
          snapshot_details: body.snapshot,
          envelope_enabled: alert.envelope?.enabled ?? false,
          envelope_fix_name: name(alert.envelope?.fixName ?? '(none)'),
          links: safeLinks(alert.links, redact),
        };
  const seam = alert.status === 'recovered' ? RECOVERED_SEAM : WAKE_SEAM;
  return logRow({ seam, details, sessionId: null, source: null }, at);
}
