/** Retry and dismiss a failed delivery. */
import { useRef, useState } from 'preact/hooks';
import * as api from '../api/resources.ts';
import type { InvestigationDetail } from '../api/types.ts';
import { brief, withoutStop } from '../format.ts';
import { OUTCOME_LABELS, outcomeOf } from '../labels.ts';
import { onEscape } from './keyboard.ts';
import type { NoticeContent } from './notice.tsx';

interface DeliveryActionsProps {
  job: { queue: string; jobId: string };
  /** The alert that is sent; null if it is not known. */
  wakeId: string | null;
  /** Names the alert in texts and labels. */
  name: string;
  notify: (notice: NoticeContent) => void;
}

const focus = (element: HTMLElement | null) => element?.focus();

export function DeliveryActions({ job, wakeId, name, notify }: DeliveryActionsProps) {
  /** Undefined until the form was opened once: only its end returns the focus to the button. */
  const [dismissing, setDismissing] = useState<boolean>();
  const [busy, setBusy] = useState(false);
  /** Number of actions so far. The end of a retry is no news after a later action. */
  const actions = useRef(0);
  const retry = async () => {
    const action = ++actions.current;
    setBusy(true);
    const result = await api.retryDelivery(job.queue, job.jobId);
    setBusy(false);
    if (!result.ok) {
      notify({ tone: 'bad', text: `${name} was not retried: ${withoutStop(result.fault.message)}.` });
      return;
    }
    // An update changes a message of an alert that was sent before, so the outcome of the alert is not its end.
    if (wakeId === null || job.queue === 'followups') {
      notify({ tone: 'good', text: `Retrying ${name}. It comes back if it fails again.` });
      return;
    }
    notify({ tone: 'good', text: `Retrying ${name}…` });
    const end = await endOf(wakeId);
    if (actions.current !== action) return;
    notify(end ? endText(name, end) : { tone: 'good', text: `${name} is not sent yet: see its page.` });
  };
  const dismiss = async (reason: string) => {
    setBusy(true);
    const result = await api.dismissDelivery(job.queue, job.jobId, reason);
    setBusy(false);
    if (result.ok) {
      actions.current++;
      setDismissing(false);
    }
    notify(
      result.ok
        ? { tone: 'good', text: `${name} dismissed: ${brief(reason, 120)}. It will not be sent.` }
        : { tone: 'bad', text: `${name} was not dismissed: ${withoutStop(result.fault.message)}.` },
    );
  };
  if (dismissing) return <DismissForm {...{ name, busy, dismiss }} cancel={() => setDismissing(false)} />;
  return (
    <span class="actions">
      <button type="button" disabled={busy} aria-label={`Retry: ${name}`} onClick={() => void retry()}>
        Retry
      </button>
      <button
        type="button"
        ref={dismissing === false ? focus : null}
        disabled={busy}
        aria-label={`Dismiss: ${name}`}
        onClick={() => setDismissing(true)}
      >
        Dismiss…
      </button>
    </span>
  );
}

const LOOK_MS = 1_000;
/** Time after which the page stops to wait for the end of a retry, ms. */
const WAIT_MS = 120_000;

/** The alert once it has ended again; undefined if that takes long. */
async function endOf(wakeId: string): Promise<InvestigationDetail | undefined> {
  const until = Date.now() + WAIT_MS;
  while (Date.now() < until) {
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
    const result = await api.readInvestigation(wakeId);
    if (result.ok && result.body.outcome !== null) return result.body;
  }
  return undefined;
}

function endText(name: string, { outcome, failure }: InvestigationDetail): NoticeContent {
  if (outcome === 'dead') return { tone: 'bad', text: `${name} failed again: ${failure?.code ?? 'unknown'}.` };
  return { tone: 'good', text: `${name}: ${OUTCOME_LABELS[outcomeOf({ outcome })].toLowerCase()}.` };
}

interface DismissFormProps {
  name: string;
  busy: boolean;
  dismiss: (reason: string) => Promise<void>;
  cancel: () => void;
}

function DismissForm({ name, busy, dismiss, cancel }: DismissFormProps) {
  const [reason, setReason] = useState('');
  return (
    <form
      class="actions"
      onKeyDown={onEscape(cancel)}
      onSubmit={(event) => {
        event.preventDefault();
        void dismiss(reason.trim());
      }}
    >
      <input
        aria-label={`Reason to dismiss ${name}`}
        placeholder="Reason (saved in the audit log)"
        required
        maxLength={500}
        pattern=".*\S.*"
        ref={focus}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="danger" disabled={busy}>
        Dismiss
      </button>
      <button type="button" disabled={busy} onClick={cancel}>
        Cancel
      </button>
    </form>
  );
}
