import type { IncidentAction } from '@kora-wake/shared/store/incidents';
import type { Feedback } from '@kora-wake/shared/wake/feedback';
import type { JsonObject } from '@kora-wake/shared/wake/json';

interface Named {
  id: string;
  probe: string;
  category: string;
}

const NAMES: Record<IncidentAction['kind'], string> = {
  acknowledge: 'incident_acknowledged',
  snooze: 'incident_snoozed',
  resolve: 'incident_resolved',
};

/** An action of a person on an incident, as records of changes have it: `what` is its name after `operator.`. */
export function incidentOperation({ id, probe, category }: Named, action: IncidentAction) {
  const seconds = action.kind === 'snooze' && { seconds: action.seconds };
  return { what: NAMES[action.kind], details: { incident_id: id, probe, category, ...seconds } };
}

/** The same on all members of a storm. */
export function stormOperation({ id, members }: { id: string; members: unknown[] }, action: IncidentAction) {
  const seconds = action.kind === 'snooze' && { seconds: action.seconds };
  return { what: NAMES[action.kind], details: { incident_id: id, alerts: members.length, ...seconds } };
}

/** A person's opinion about a diagnosis, as records of changes have it. */
export function feedbackOperation({ id, probe, category }: Named, { verdict, cause }: Omit<Feedback, 'by' | 'at'>) {
  const details: JsonObject = { incident_id: id, probe, category, verdict, ...(cause !== undefined && { cause }) };
  return { what: 'incident_feedback', details };
}

/** A hold, as records of changes have it. @param seconds 0: it was ended */
export function holdOperation(seconds: number) {
  return seconds > 0 ? { what: 'hold_set', details: { seconds } } : { what: 'hold_ended', details: {} };
}
