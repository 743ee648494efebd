/** The events of an incident, in the order of time. */
import type { IncidentDetail, Investigation, Operation } from '../../api/types.ts';

type Happening =
  | { kind: 'alert'; entry: Investigation }
  | { kind: 'action'; operation: Operation }
  | { kind: 'opened' | 'reopened' | 'escalated' | 'recovered' }
  | { kind: 'closed'; reason: NonNullable<IncidentDetail['closeReason']> };

/** `at`: ISO time. */
export type IncidentEvent = Happening & { at: string };

const FEEDBACK = 'incident_feedback';
/** The alerts of an incident recover at its end: one event is enough for both, ms. */
const SAME_END_MS = 60_000;

/** The newest first. */
export function eventsOf(incident: IncidentDetail): IncidentEvent[] {
  const { history, openedAt, startedAt, flaps, escalatedAt } = incident;
  const events: IncidentEvent[] = [
    { kind: 'opened', at: earliest([openedAt, ...history.map(({ enqueuedAt }) => enqueuedAt)]) },
    ...(flaps > 0 ? [{ kind: 'reopened' as const, at: startedAt }] : []),
    ...history.map((entry) => ({ kind: 'alert' as const, at: entry.enqueuedAt, entry })),
    ...operationsOf(incident).map((operation) => ({ kind: 'action' as const, at: operation.at, operation })),
    ...(escalatedAt === null ? [] : [{ kind: 'escalated' as const, at: escalatedAt }]),
    ...recoveriesOf(incident).map((at) => ({ kind: 'recovered' as const, at })),
    ...endOf(incident),
  ];
  // The sort is stable: at the same time, what is later in the list happened later.
  return events.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).reverse();
}

const earliest = (times: string[]) => times.reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a));

/** The record of changes is short. The alerts keep what was said about their diagnosis. */
function operationsOf({ actions, history }: IncidentDetail): Operation[] {
  if (actions.some(({ what }) => what === FEEDBACK)) return actions;
  const said = history.flatMap(({ feedback, probe, category }) => {
    if (feedback === null) return [];
    const { by, at, ...opinion } = feedback;
    return [{ what: FEEDBACK, by, at, reason: null, details: { probe, category, ...opinion } }];
  });
  return [...actions, ...said];
}

/** Recoveries before the end, such as that before the incident reopened. */
function recoveriesOf({ history, closedAt, closeReason }: IncidentDetail): string[] {
  const times = new Set(history.flatMap(({ recoveredAt }) => recoveredAt ?? []));
  const end = closedAt !== null && closeReason === 'recovered' ? Date.parse(closedAt) : Number.NaN;
  return [...times].filter((at) => !(Math.abs(Date.parse(at) - end) < SAME_END_MS));
}

function endOf({ closedAt, closeReason }: IncidentDetail): IncidentEvent[] {
  return closedAt === null || closeReason === null ? [] : [{ kind: 'closed', reason: closeReason, at: closedAt }];
}
