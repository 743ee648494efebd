/** An incident as other programs read it: the API, and the webhook of an escalation. */
import type { Incident } from './incidents.ts';

const time = (ms: number) => new Date(ms).toISOString();
const timeOrNull = (ms: number | null) => (ms === null ? null : time(ms));

/** The times are ISO 8601. */
export function incidentJson(incident: Incident) {
  const { id, probe, category, severity, state, rows, wakes, flaps, firing, closeReason, by, message, stormId } =
    incident;
  return {
    id,
    probe,
    category,
    severity,
    state,
    openedAt: time(incident.openedAt),
    startedAt: time(incident.startedAt),
    closedAt: timeOrNull(incident.closedAt),
    closeReason,
    acknowledgedBy: state === 'acknowledged' || state === 'snoozed' ? by : null,
    snoozedUntil: timeOrNull(incident.snoozedUntil),
    escalatedAt: timeOrNull(incident.escalatedAt),
    rows,
    wakes,
    flaps,
    firing,
    lastRowAt: time(incident.lastRowAt),
    lastWakeId: incident.lastWakeId,
    stormId,
    message: message && { channel: message.channel, ts: message.ts, permalink: permalinkOf(message) },
  };
}

/** Slack redirects it to the workspace of the reader. */
function permalinkOf({ channel, ts }: { channel: string; ts: string }): string {
  return `https://slack.com/archives/${encodeURIComponent(channel)}/p${encodeURIComponent(ts.replace('.', ''))}`;
}
