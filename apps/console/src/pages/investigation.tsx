/** One investigation: diagnosis, steps, alert data, Slack message and details. */
import { useState } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import type { InvestigationDetail } from '../api/types.ts';
import { OutcomeLabel, RecoveredMark, Severity } from '../components/outcome.tsx';
import { Panel } from '../components/panel.tsx';
import { When } from '../components/values.tsx';
import { AlertData } from './investigation/alert-data.tsx';
import { DeliveryState } from './investigation/delivery-state.tsx';
import { Details } from './investigation/details.tsx';
import { Diagnosis } from './investigation/diagnosis.tsx';
import type { ShownQuote } from './investigation/shown-quote.ts';
import { SlackMessage } from './investigation/slack-message.tsx';
import { Steps } from './investigation/steps.tsx';

export function InvestigationPage({ wakeId }: { wakeId: string }) {
  const state = useResource(api.investigation(wakeId));
  const { data, fault } = state;
  if (!data && fault?.kind === 'not_found') return <NotFound />;
  return (
    <div class="investigation">
      <p class="back">
        <a href="#/investigations">← All investigations</a>
      </p>
      {data ? (
        <Loaded entry={data} />
      ) : (
        <Panel id="loading" title="Investigation" state={state}>
          {null}
        </Panel>
      )}
    </div>
  );
}

const NotFound = () => (
  <div class="page-message">
    <h1>Alert not found</h1>
    <p>It does not exist, or it is older than 35 days. The audit log may still have it.</p>
    <p>
      <a href="#/investigations">All investigations</a>
    </p>
  </div>
);

function Loaded({ entry }: { entry: InvestigationDetail }) {
  const [shown, show] = useState<ShownQuote>();
  return (
    <>
      <div class="heading">
        <h1>{entry.title || '(no title)'}</h1>
        <p>
          <OutcomeLabel entry={entry} />
          <RecoveredMark entry={entry} />
          <span class="name">
            <b>{entry.probe}</b> / {entry.category}
          </span>
          <Severity of={entry.severity} />
          <When at={entry.enqueuedAt} withAge />
        </p>
      </div>
      <DeliveryState entry={entry} />
      <div class="columns">
        <div class="main-column">
          <Diagnosis entry={entry} show={show} />
          <Steps entry={entry} shown={shown} />
          <AlertData entry={entry} />
        </div>
        <div class="side-column">
          <SlackMessage entry={entry} />
          <Details entry={entry} />
        </div>
      </div>
    </>
  );
}
