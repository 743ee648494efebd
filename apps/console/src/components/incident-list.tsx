/** Incidents of one pair: when each began, how long it took, and how it ended. */
import type { Incident } from '../api/types.ts';
import { useNow } from '../clock.ts';
import { counted, span } from '../format.ts';
import { toIncident } from '../route.ts';
import { Severity } from './outcome.tsx';
import { Empty } from './panel.tsx';
import { useShowMore } from './show-more.tsx';
import { When } from './values.tsx';

export function IncidentList({ incidents, empty }: { incidents: Incident[]; empty: string }) {
  const [shown, more] = useShowMore(incidents, 5, 'incidents');
  if (incidents.length === 0) return <Empty>{empty}</Empty>;
  return (
    <>
      <ol class="incident-list">
        {shown.map((incident) => (
          <Row key={incident.id} incident={incident} />
        ))}
      </ol>
      {more}
    </>
  );
}

/** How an incident ended. */
export const CLOSE_REASON_LABELS: Record<NonNullable<Incident['closeReason']>, string> = {
  recovered: 'recovered',
  resolved: 'resolved by a person',
  expired: 'no alert for long',
};

function Row({ incident: { id, severity, openedAt, closedAt, closeReason, state, rows } }: { incident: Incident }) {
  const now = useNow();
  const end = closedAt === null ? now : Date.parse(closedAt);
  return (
    <li>
      <a href={toIncident(id)}>
        <When at={openedAt} />
      </a>
      <Severity of={severity} />
      <span class="detail">
        {span(end - Date.parse(openedAt))}, {closeReason === null ? state : CLOSE_REASON_LABELS[closeReason]},{' '}
        {counted(rows, 'alert')}
      </span>
    </li>
  );
}
