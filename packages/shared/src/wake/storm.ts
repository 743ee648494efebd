/** Storms: alerts of many pairs at once, which one digest names. */
import type { IncidentState } from './incident.ts';

/** A pair in a storm. */
export interface StormMember {
  probe: string;
  category: string;
  /** Its deduplication id. */
  pair: string;
  /** The notice whose message names it; empty: none does yet. */
  notice: string;
  /** Whether Slack has accepted that message. */
  isNamed: boolean;
  /** Its incident, and the newest wake, the state and the number of alerts of that. */
  incidentId: string;
  lastWakeId: string;
  state: IncidentState;
  severity: string;
  rows: number;
  /** False if it has had a message of its own since. */
  isMember: boolean;
  /** Whether a wake waits for a message that names it. */
  isWaiting: boolean;
}

/** The wake that completed a storm, or the last one that waited for a hold: it gives the storm its id. */
export function wakeOfStorm(stormId: string): string {
  return stormId.replace(/^s-/, 'w-');
}

/** Whether a text from outside may be the id of a storm. */
export function isStormId(text: string): boolean {
  return /^s-[\w-]{1,200}$/.test(text);
}
