/** Retry and dismiss a failed delivery. */
import { useState } from 'preact/hooks';
import * as api from '../api/resources.ts';
import { brief, withoutStop } from '../format.ts';
import { onEscape } from './keyboard.ts';
import type { NoticeContent } from './notice.tsx';

interface DeliveryActionsProps {
  job: { queue: string; jobId: string };
  /** Names the alert in texts and labels. */
  name: string;
  notify: (notice: NoticeContent) => void;
}

const focus = (element: HTMLElement | null) => element?.focus();

export function DeliveryActions({ job, name, notify }: DeliveryActionsProps) {
  /** Undefined until the form was opened once: only its end returns the focus to the button. */
  const [dismissing, setDismissing] = useState<boolean>();
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    const result = await api.retryDelivery(job.queue, job.jobId);
    setBusy(false);
    notify(
      result.ok
        ? { tone: 'good', text: `Retrying ${name}.` }
        : { tone: 'bad', text: `${name} was not retried: ${withoutStop(result.fault.message)}.` },
    );
  };
  const dismiss = async (reason: string) => {
    setBusy(true);
    const result = await api.dismissDelivery(job.queue, job.jobId, reason);
    setBusy(false);
    if (result.ok) setDismissing(false);
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
