/** One incident: its state, its message in Slack, its timeline, and earlier incidents of the pair. */
import { useState } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import { useMayChange } from '../api/resources.ts';
import type { IncidentDetail } from '../api/types.ts';
import { IncidentActions, useIncidentText } from '../components/incident.tsx';
import { Notice, type NoticeContent } from '../components/notice.tsx';
import { Severity } from '../components/outcome.tsx';
import { Panel } from '../components/panel.tsx';
import { When } from '../components/values.tsx';
import { EarlierIncidents } from './incident/earlier.tsx';
import { Feedback } from './incident/feedback.tsx';
import { History } from './incident/history.tsx';
import { MessagePreview } from './incident/message-preview.tsx';

export function IncidentPage({ id }: { id: string }) {
  const state = useResource(api.incident(id));
  const { data, fault } = state;
  if (!data && fault?.kind === 'not_found') return <NotFound />;
  return (
    <div class="investigation">
      <p class="back">
        <a href="#/incidents">← Incidents</a>
      </p>
      {data ? (
        <Loaded incident={data} />
      ) : (
        <Panel id="loading" title="Incident" state={state}>
          {null}
        </Panel>
      )}
    </div>
  );
}

const NotFound = () => (
  <div class="page-message">
    <h1>Incident not found</h1>
    <p>It does not exist, or it ended more than 35 days ago. The audit log may still have it.</p>
    <p>
      <a href="#/">Go to the overview</a>
    </p>
  </div>
);

function Loaded({ incident }: { incident: IncidentDetail }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const mayChange = useMayChange();
  const { probe, category, severity, openedAt, state, stormId } = incident;
  return (
    <>
      <div class="heading">
        <h1>
          {probe} / {category}
        </h1>
        <p>
          <Severity of={severity} />
          <span>{useIncidentText(incident)}</span>
          <When at={openedAt} withAge />
        </p>
        {mayChange && state !== 'closed' && <IncidentActions incident={incident} notify={setNotice} />}
        {mayChange && state !== 'closed' && stormId !== null && (
          <p>
            <span>It is part of an alert storm.</span>
            <IncidentActions incident={incident} ofStorm notify={setNotice} />
          </p>
        )}
        <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      </div>
      <div class="columns">
        <div class="main-column">
          <MessagePreview incident={incident} />
          <History incident={incident} />
        </div>
        <div class="side-column">
          <Feedback incident={incident} notify={setNotice} />
          <EarlierIncidents incident={incident} />
        </div>
      </div>
    </>
  );
}
