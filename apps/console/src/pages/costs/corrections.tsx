/** Corrections of this month's spend, and the form for a new one. */
import { nearestMicroUsd } from '@kora-wake/shared/wake/budget';
import { useRef, useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Costs } from '../../api/types.ts';
import { onEscape } from '../../components/keyboard.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { Ago } from '../../components/values.tsx';
import { brief, signedUsd, usd, withoutStop } from '../../format.ts';

export function Corrections({ state }: { state: ResourceState<Costs> }) {
  const mayChange = useMayChange();
  const [notice, setNotice] = useState<NoticeContent>();
  const { data } = state;
  const [shown, more] = useShowMore(data?.corrections ?? [], 3, 'corrections');
  return (
    <Panel id="corrections" title="Corrections" hint="of the spend, by operators" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {shown.length === 0 ? (
        <Empty>No corrections this month.</Empty>
      ) : (
        <ul class="operations">
          {shown.map((correction) => (
            <li key={correction.id}>
              <b>{signedUsd(correction.usd)}</b> to {usd(correction.spentUsd)} by {brief(correction.by, 40)},{' '}
              <Ago at={correction.at} />: {brief(correction.reason)}
            </li>
          ))}
        </ul>
      )}
      {more}
      {data && mayChange && <Correct costs={data} notify={setNotice} />}
    </Panel>
  );
}

/** The spend that a form starts from, and the key of its request. */
interface Draft {
  month: string;
  spentUsd: number;
  key: string;
}

const focus = (element: HTMLElement | null) => element?.focus();

function Correct({ costs, notify }: { costs: Costs; notify: (notice: NoticeContent) => void }) {
  const [draft, setDraft] = useState<Draft>();
  const wasOpen = useRef(false);
  const open = () => {
    wasOpen.current = true;
    setDraft({ month: costs.month, spentUsd: costs.spentMonthUsd, key: randomKey() });
  };
  const close = () => setDraft(undefined);
  if (draft) return <CorrectionForm {...{ draft, notify, close }} />;
  return (
    <p class="actions">
      <button type="button" ref={wasOpen.current ? focus : null} onClick={open}>
        Correct the spend…
      </button>
    </p>
  );
}

interface CorrectionFormProps {
  draft: Draft;
  notify: (notice: NoticeContent) => void;
  close: () => void;
}

/** The spend at its start stays its base: costs that are charged meanwhile are added to the corrected spend. */
function CorrectionForm({ draft: { month, spentUsd, key }, notify, close }: CorrectionFormProps) {
  const [actual, setActual] = useState('');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const micro = actual === '' ? 0 : nearestMicroUsd(Number(actual)) - nearestMicroUsd(spentUsd);
  const difference = micro / 1e6;
  const submit = async () => {
    setBusy(true);
    const result = await api.correctCosts(month, difference, reason.trim(), key);
    setBusy(false);
    if (result.ok) close();
    notify(
      result.ok
        ? {
            tone: 'good',
            text: `The spend of ${month} was corrected by ${signedUsd(difference)} to ${usd(result.body.correction.spentUsd)}.`,
          }
        : { tone: 'bad', text: `The spend of ${month} was not corrected: ${withoutStop(result.fault.message)}.` },
    );
  };
  return (
    <form
      class="correction"
      aria-label={`Correct the spend of ${month}`}
      onKeyDown={onEscape(close)}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label>
        Actual spend of {month}, USD
        <input
          type="number"
          min={0}
          step="any"
          required
          ref={focus}
          value={actual}
          onInput={(event) => setActual(event.currentTarget.value)}
        />
      </label>
      <label>
        Reason (saved in the audit log)
        <input
          required
          maxLength={500}
          pattern=".*\S.*"
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <p class="fine" aria-live="polite">
        {micro === 0
          ? `${usd(spentUsd)} are recorded.`
          : `${usd(spentUsd)} are recorded: ${signedUsd(difference)}. AI calls that end meanwhile are added.`}
      </p>
      <span class="actions">
        <button type="submit" class="danger" disabled={busy || micro === 0}>
          {busy ? 'Working…' : 'Correct'}
        </button>
        <button type="button" disabled={busy} onClick={close}>
          Cancel
        </button>
      </span>
    </form>
  );
}

/** Not `crypto.randomUUID`: browsers have it only on pages that came through TLS or from this machine. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
