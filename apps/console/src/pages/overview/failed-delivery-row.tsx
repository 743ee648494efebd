/** One failed delivery, with retry and dismiss. */
import { useState } from 'preact/hooks';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { DeadLetter } from '../../api/types.ts';
import { onEscape } from '../../components/keyboard.ts';
import type { NoticeContent } from '../../components/notice.tsx';
import { OutcomeMark } from '../../components/outcome.tsx';
import { Pair } from '../../components/pair.tsx';
import { Ago } from '../../components/values.tsx';
import { brief, withoutStop } from '../../format.ts';
import { toInvestigation } from '../../route.ts';

interface RowProps {
  letter: DeadLetter;
  notify: (notice: NoticeContent) => void;
}

/** A job that an operator added by hand has no probe and no category: its queue and its id replace them. */
const pairOf = ({ probe, category, queue, jobId }: DeadLetter) => ({
  probe: probe ?? queue,
  category: category ?? jobId,
});

function nameOf(letter: DeadLetter): string {
  const { probe, category } = pairOf(letter);
  return `${brief(probe)} / ${brief(category)}`;
}

export function FailedDeliveryRow({ letter, notify }: RowProps) {
  const mayChange = useMayChange();
  return (
    <li>
      <OutcomeMark outcome="not_sent" />
      {letter.wakeId === null ? (
        <span class="subject">
          <Subject letter={letter} />
        </span>
      ) : (
        <a href={toInvestigation(letter.wakeId)} class="subject">
          <Subject letter={letter} />
        </a>
      )}
      <span class="detail" title={letter.reason}>
        <code>{letter.reason}</code> <Ago at={letter.failedAt} />
      </span>
      {mayChange && <Actions letter={letter} notify={notify} />}
    </li>
  );
}

const Subject = ({ letter }: { letter: DeadLetter }) => (
  <>
    <Pair {...pairOf(letter)} />
    <span class="title" title={letter.title ?? ''}>
      {letter.title || '(no title)'}
    </span>
  </>
);

const focus = (element: HTMLElement | null) => element?.focus();

function Actions({ letter, notify }: RowProps) {
  /** Undefined until the form was opened once: only its end returns the focus to the button. */
  const [dismissing, setDismissing] = useState<boolean>();
  const [busy, setBusy] = useState(false);
  const name = nameOf(letter);
  const retry = async () => {
    setBusy(true);
    const result = await api.retryDelivery(letter.queue, letter.jobId);
    setBusy(false);
    notify(
      result.ok
        ? { tone: 'good', text: `Retrying ${name}.` }
        : { tone: 'bad', text: `${name} was not retried: ${withoutStop(result.fault.message)}.` },
    );
  };
  const dismiss = async (reason: string) => {
    setBusy(true);
    const result = await api.dismissDelivery(letter.queue, letter.jobId, reason);
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
