/** Incidents that are not over: what people do about them, in place. */
import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Incident, Incidents } from '../../api/types.ts';
import { IncidentActions, useIncidentText } from '../../components/incident.tsx';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Severity } from '../../components/outcome.tsx';
import { Pair } from '../../components/pair.tsx';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { toIncident } from '../../route.ts';

export function OpenIncidents({ state }: { state: ResourceState<Incidents> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [shown, more] = useShowMore(state.data?.entries ?? [], 8, 'open incidents');
  return (
    <Panel
      id="incidents"
      title="Open incidents"
      hint="alerts that are not over"
      state={state}
      tools={<a href="#/incidents">All incidents</a>}
    >
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
  const { probe, category, severity, id } = incident;
  return (
    <li>
      <Severity of={severity} />
      <a href={toIncident(id)} class="subject">
        <Pair probe={probe} category={category} />
      </a>
      <span class="detail">{useIncidentText(incident)}</span>
      {mayChange && <IncidentActions incident={incident} notify={notify} />}
    </li>
  );
}
