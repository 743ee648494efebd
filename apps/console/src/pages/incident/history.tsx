/** One list of alerts, of what people did, and of how the incident went on. */
import type { IncidentDetail, Operation } from '../../api/types.ts';
import { CLOSE_REASON_LABELS } from '../../components/incident-list.tsx';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { When } from '../../components/values.tsx';
import { WakeRow } from '../../components/wake-row.tsx';
import { brief, span } from '../../format.ts';
import { operationLabel } from '../../labels.ts';
import { eventsOf, type IncidentEvent } from './events.ts';

export function History({ incident }: { incident: IncidentDetail }) {
  const [shown, more] = useShowMore(eventsOf(incident), 12, 'entries');
  return (
    <Panel id="history" title="Timeline" hint="newest first; repeats are counted on the alerts">
      <ol class="history">
        {shown.map((event) => (
          <Entry key={keyOf(event)} event={event} />
        ))}
      </ol>
      {more}
    </Panel>
  );
}

function keyOf(event: IncidentEvent): string {
  if (event.kind === 'alert') return event.entry.wakeId;
  return event.kind === 'action' ? `${event.at} ${event.operation.what}` : `${event.at} ${event.kind}`;
}

function Entry({ event }: { event: IncidentEvent }) {
  if (event.kind === 'alert') return <WakeRow entry={event.entry} />;
  return (
    <li class="event">
      <span class="happened">
        <EventText event={event} />
      </span>
      <span class="when">
        <When at={event.at} withAge />
      </span>
    </li>
  );
}

const TEXTS = {
  opened: 'Opened',
  reopened: 'Opened again',
  escalated: 'Escalated to other people',
  recovered: 'Recovered',
};

function EventText({ event }: { event: Exclude<IncidentEvent, { kind: 'alert' }> }) {
  if (event.kind === 'closed') return <b>Ended: {CLOSE_REASON_LABELS[event.reason]}</b>;
  if (event.kind === 'action') return <ActionText operation={event.operation} />;
  return <b>{TEXTS[event.kind]}</b>;
}

function ActionText({ operation }: { operation: Operation }) {
  const { by, reason, details } = operation;
  const { seconds, verdict, cause } = details;
  return (
    <>
      <b>{brief(by, 40)}</b> {operationLabel(operation)}
      {typeof seconds === 'number' && ` for ${span(seconds * 1_000)}`}
      {typeof verdict === 'string' && `: cause ${verdict === 'partly' ? 'partly right' : brief(verdict)}`}
      {typeof cause === 'string' && `. ${cause}`}
      {reason !== null && `: ${brief(reason)}`}
    </>
  );
}
