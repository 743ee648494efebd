import type { IncidentAction } from '@kora-wake/shared/store/incidents';

const NAMES: Record<IncidentAction['kind'], string> = {
  acknowledge: 'incident_acknowledged',
  snooze: 'incident_snoozed',
  resolve: 'incident_resolved',
};

/** An action of a person on an incident, as records of changes have it: `what` is its name after `operator.`. */
export function incidentOperation(
  { id, probe, category }: { id: string; probe: string; category: string },
  action: IncidentAction,
  via: 'api' | 'slack',
) {
  const seconds = action.kind === 'snooze' && { seconds: action.seconds };
  return { what: NAMES[action.kind], details: { incident_id: id, probe, category, ...seconds, via } };
}
