/** The line under a message that shows how its incident develops. */
import type { CloseReason, IncidentState } from './incident.ts';
import { spanText, utcText } from './message.ts';
import { shorten } from './text.ts';

/** Characters. */
const MAX_NAME = 100;

/** The facts of an incident that its message shows. All times in ms since the epoch. */
export interface IncidentFacts {
  state: IncidentState;
  startedAt: number;
  closedAt: number | null;
  closeReason: CloseReason | null;
  /** Who did it, for the states and the reason that a person sets. */
  by: string | null;
  snoozedUntil: number | null;
  rows: number;
  wakes: number;
  flaps: number;
}

/** One line about the state of an incident, for the end of its message. */
export function incidentLine(incident: IncidentFacts): string {
  const { startedAt, rows, flaps } = incident;
  const repeats = rows - 1;
  const parts = [
    stateText(incident),
    ...(incident.state === 'closed' ? [] : [`firing since ${utcText(startedAt)}`]),
    ...(repeats > 0 ? [`${repeats} ${repeats === 1 ? 'repeat' : 'repeats'}`] : []),
    ...(flaps > 0 ? [`reopened ${flaps} ${flaps === 1 ? 'time' : 'times'}`] : []),
  ].filter((part) => part !== '');
  const line = parts.join(' · ');
  return `${line.slice(0, 1).toUpperCase()}${line.slice(1)}`;
}

/** The line of a message that is not the newest one of its incident. */
export const OLDER_LINE = 'A newer message about this follows.';

function stateText({ state, startedAt, closedAt, closeReason, by, snoozedUntil }: IncidentFacts): string {
  const person = by === null ? '' : ` by ${shorten(by, MAX_NAME)}`;
  if (state === 'acknowledged') return `acknowledged${person}`;
  if (state === 'snoozed') return `snoozed${person}${snoozedUntil === null ? '' : ` until ${utcText(snoozedUntil)}`}`;
  if (state === 'firing' || closedAt === null) return '';
  const after = `${utcText(closedAt)} after ${spanText(closedAt - startedAt)}`;
  if (closeReason === 'resolved') return `resolved${person} ${after}`;
  return closeReason === 'recovered' ? `recovered ${after}` : `closed ${utcText(closedAt)}: no alert for long`;
}
