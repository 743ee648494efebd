import { useState } from 'preact/hooks';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { IncidentDetail } from '../../api/types.ts';
import type { NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { Ago } from '../../components/values.tsx';
import { brief, withoutStop } from '../../format.ts';

const VERDICTS = [
  ['right', 'Cause right'],
  ['partly', 'Partly'],
  ['wrong', 'Cause wrong'],
] as const;

interface FeedbackProps {
  incident: IncidentDetail;
  notify: (notice: NoticeContent) => void;
}

/** Whether the diagnosis names the cause, and the real cause. Later investigations read it. */
export function Feedback({ incident, notify }: FeedbackProps) {
  const mayChange = useMayChange();
  const given = incident.history.find(({ feedback }) => feedback !== null)?.feedback;
  const hasDiagnosis = incident.history.some(({ summary }) => summary !== null);
  return (
    <Panel id="feedback" title="Was the cause right?">
      {given ? (
        <p>
          {brief(given.by, 40)}: cause {given.verdict === 'partly' ? 'partly right' : given.verdict},{' '}
          <Ago at={given.at} />
          {given.cause !== undefined && `. ${given.cause}`}
        </p>
      ) : (
        <Empty>{hasDiagnosis ? 'Nobody has said yet.' : 'There is no diagnosis to judge.'}</Empty>
      )}
      {mayChange && hasDiagnosis && <FeedbackForm id={incident.id} notify={notify} />}
    </Panel>
  );
}

function FeedbackForm({ id, notify }: { id: string; notify: FeedbackProps['notify'] }) {
  const [cause, setCause] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async (verdict: 'right' | 'partly' | 'wrong') => {
    setBusy(true);
    const result = await api.judgeIncident(id, verdict, cause.trim());
    setBusy(false);
    if (result.ok) setCause('');
    notify(
      result.ok
        ? { tone: 'good', text: 'Thank you. Later investigations read this.' }
        : { tone: 'bad', text: `Not stored: ${withoutStop(result.fault.message)}.` },
    );
  };
  return (
    <form class="feedback" onSubmit={(event) => event.preventDefault()}>
      <label>
        Real cause (optional)
        <input type="text" maxLength={1_000} value={cause} onInput={(event) => setCause(event.currentTarget.value)} />
      </label>
      <span class="actions">
        {VERDICTS.map(([verdict, label]) => (
          <button key={verdict} type="button" disabled={busy} onClick={() => void send(verdict)}>
            {label}
          </button>
        ))}
      </span>
    </form>
  );
}
