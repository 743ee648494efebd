/** Incidents that are not over: what people do about them, in place. */
import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Incident, Incidents } from '../../api/types.ts';
import { useNow } from '../../clock.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Severity } from '../../components/outcome.tsx';
import { Pair } from '../../components/pair.tsx';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { brief, counted, span, time, withoutStop } from '../../format.ts';
import { toInvestigation } from '../../route.ts';

const HOUR_S = 3_600;

export function OpenIncidents({ state }: { state: ResourceState<Incidents> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [shown, more] = useShowMore(state.data?.entries ?? [], 8, 'open incidents');
  return (
    <Panel id="incidents" title="Open incidents" hint="alerts that are not over" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      <ul class="open-incidents">
        {shown.map((incident) => (
          <IncidentRow key={incident.id} incident={incident} notify={setNotice} />
        ))}
      </ul>
      {more}
    </Panel>
  );
}

interface RowProps {
  incident: Incident;
  notify: (notice: NoticeContent) => void;
}

function IncidentRow({ incident, notify }: RowProps) {
  const mayChange = useMayChange();
  const { probe, category, severity, lastWakeId } = incident;
  return (
    <li>
      <Severity of={severity} />
      <a href={toInvestigation(lastWakeId)} class="subject">
        <Pair probe={probe} category={category} />
      </a>
      <span class="detail">{useStateText(incident)}</span>
      {mayChange && <IncidentActions incident={incident} notify={notify} />}
    </li>
  );
}

/** Such as `acknowledged by ada · firing for 12 min · 31 repeats`. */
function useStateText({ state, acknowledgedBy, snoozedUntil, startedAt, rows, flaps }: Incident): string {
  const now = useNow();
  const by = acknowledgedBy === null ? '' : ` by ${acknowledgedBy}`;
  return [
    ...(state === 'acknowledged' ? [`acknowledged${by}`] : []),
    ...(state === 'snoozed' && snoozedUntil !== null
      ? [`snoozed${by} until ${time(Date.parse(snoozedUntil), now)}`]
      : []),
    `firing for ${span(Math.max(0, now - Date.parse(startedAt)))}`,
    ...(rows > 1 ? [counted(rows - 1, 'repeat')] : []),
    ...(flaps > 0 ? [`reopened ${counted(flaps, 'time')}`] : []),
  ].join(' · ');
}

function IncidentActions({ incident: { id, probe, category, state }, notify }: RowProps) {
  const [busy, setBusy] = useState(false);
  const name = `${brief(probe)} / ${brief(category)}`;
  const act = async (request: () => ReturnType<typeof api.actOnIncident>, done: string) => {
    setBusy(true);
    const result = await request();
    setBusy(false);
    notify(
      result.ok
        ? { tone: 'good', text: `${name}: ${done}` }
        : { tone: 'bad', text: `${name} was not changed: ${withoutStop(result.fault.message)}.` },
    );
  };
  return (
    <span class="actions">
      {state !== 'acknowledged' && (
        <button
          type="button"
          disabled={busy}
          aria-label={`Acknowledge: ${name}`}
          onClick={() =>
            void act(
              () => api.actOnIncident(id, 'acknowledge'),
              'acknowledged. Only its first critical alert is still sent.',
            )
          }
        >
          Acknowledge
        </button>
      )}
      {state !== 'snoozed' && (
        <button
          type="button"
          disabled={busy}
          aria-label={`Snooze 1 h: ${name}`}
          onClick={() => void act(() => api.snoozeIncident(id, HOUR_S), 'snoozed for 1 h.')}
        >
          Snooze 1 h
        </button>
      )}
      <button
        type="button"
        disabled={busy}
        aria-label={`Resolve: ${name}`}
        onClick={() => void act(() => api.actOnIncident(id, 'resolve'), 'resolved. Its next alert is sent.')}
      >
        Resolve
      </button>
    </span>
  );
}
