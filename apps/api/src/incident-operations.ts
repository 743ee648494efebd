import type { IncidentAction } from '@kora-wake/shared/store/incidents';

/** The names of people's actions in the audit log, after `operator.`. */
export const INCIDENT_OPERATIONS: Record<IncidentAction['kind'], string> = {
  acknowledge: 'incident_acknowledged',
  snooze: 'incident_snoozed',
  resolve: 'incident_resolved',
};
