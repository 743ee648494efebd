/** Sends a test alert, and shows how far it is. */
import { useState } from 'preact/hooks';
import { useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Investigation, InvestigationDetail, TestAlert } from '../../api/types.ts';
import { Panel } from '../../components/panel.tsx';
import { withoutStop } from '../../format.ts';
import { codeLabel, deliveryCodeLabel, OUTCOME_LABELS, outcomeOf } from '../../labels.ts';
import { toIncident, toInvestigation } from '../../route.ts';

export function TestAlertPanel() {
  const mayChange = useMayChange();
  const [sent, setSent] = useState<TestAlert>();
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    setSent(undefined);
    setFault('');
    const result = await api.sendTestAlert();
    setBusy(false);
    if (result.ok) setSent(result.body);
    else setFault(`Not sent: ${withoutStop(result.fault.message)}.`);
  };
  return (
    <Panel id="test" title="Test alert">
      <p>It goes the whole way of a real alert: audit log, AI, Slack. It is marked 🧪, and costs one investigation.</p>
      {mayChange && (
        <button type="button" class="primary" disabled={busy} onClick={() => void send()}>
          {busy ? 'Sending…' : 'Send a test alert'}
        </button>
      )}
      <div role="status">
        {fault !== '' && <p class="wrong">{fault}</p>}
        {sent && sent.wakeId === null && (
          <p class="wrong">
            The alert is in the audit log, but the log watcher has not picked it up. See the part Audit log.
          </p>
        )}
        {sent && sent.wakeId !== null && <Steps wakeId={sent.wakeId} />}
      </div>
    </Panel>
  );
}

function Steps({ wakeId }: { wakeId: string }) {
  const { data } = useResource(api.investigation(wakeId));
  if (!data) return <p>Picked up by the log watcher.</p>;
  return (
    <>
      <ol class="steps-so-far">
        <li class="done">Written to the audit log</li>
        <li class="done">Picked up by the log watcher</li>
        <li class={isInvestigated(data) ? 'done' : ''}>{investigationText(data)}</li>
        <li class={data.outcome === null ? '' : 'done'}>{deliveryText(data)}</li>
      </ol>
      <p>
        <a href={toInvestigation(wakeId)}>Open the alert</a>
        {data.incidentId !== null && (
          <>
            {' · '}
            <a href={toIncident(data.incidentId)}>Resolve its incident</a>
          </>
        )}
      </p>
    </>
  );
}

const isInvestigated = ({ summary, code, outcome }: Investigation) =>
  summary !== null || code !== null || outcome !== null;

function investigationText(entry: InvestigationDetail): string {
  if (entry.code !== null) return `Not investigated: ${codeLabel(entry.code)}`;
  if (entry.summary !== null) return 'Investigated by the AI';
  if (entry.outcome !== null) return 'Not investigated';
  return entry.state === 'waiting' ? 'Waits for a worker…' : 'The AI investigates…';
}

function deliveryText({ outcome, failure, state }: InvestigationDetail): string {
  if (outcome === null) return state === 'delivering' ? 'Sending to Slack…' : 'Then it is sent to Slack';
  if (outcome === 'dry_run') return 'Printed in the log of the worker, because Slack is not configured';
  if (failure) return `Not sent: ${deliveryCodeLabel(failure.code)} (${failure.code})`;
  return `${OUTCOME_LABELS[outcomeOf({ outcome })]} to Slack`;
}
