/** Incidents: all rows of one pair, from its first wake until it is over. */

/** `acknowledged`: a person takes care of it. `snoozed`: quiet until a time. A person's last action wins. */
export const INCIDENT_STATES = ['firing', 'acknowledged', 'snoozed', 'closed'] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** `recovered`: no instance fires any more. `resolved`: by a person. `expired`: no row for a long time. */
export const CLOSE_REASONS = ['recovered', 'resolved', 'expired'] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** A wake of the pair reopens an incident that was closed less than this ago, ms. */
export const REOPEN_MS = 10 * 60_000;

/** Silence after which an incident of an alerting tool expires, ms: many tools send an alert only once. @param quietMs of other incidents */
export function senderQuiet(quietMs: number): number {
  return Math.max(24 * 3_600_000, quietMs);
}

/** The incident that the first wake of a pair opens. */
export function incidentIdOf(wakeId: string): string {
  return wakeId.replace(/^w-/, 'i-');
}

/** Whether a text from outside may be the id of an incident: other texts may name other keys. */
export function isIncidentId(text: string): boolean {
  return /^i-[\w-]{1,200}$/.test(text);
}
