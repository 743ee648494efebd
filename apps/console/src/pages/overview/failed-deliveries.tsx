import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { DeadLetter, DeadLetters } from '../../api/types.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { brief, counted, duration, withoutStop } from '../../format.ts';
import { FailedDeliveryRow } from './failed-delivery-row.tsx';

/** The dead letters: alerts that were never delivered. */
export function FailedDeliveries({ state }: { state: ResourceState<DeadLetters> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const mayChange = useMayChange();
  const reasons = commonReasons(state.data?.entries ?? []);
  const [shown, more] = useShowMore(state.data?.entries ?? [], 3, 'failed deliveries');
  return (
    <Panel id="failed" title="Failed deliveries" hint="you did not get these" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {shown.length === 0 && <Empty>No failed deliveries any more.</Empty>}
      <ul class="failed-deliveries">
        {shown.map((letter) => (
          <FailedDeliveryRow key={`${letter.queue}\n${letter.jobId}`} letter={letter} notify={setNotice} />
        ))}
      </ul>
      {more}
      {mayChange &&
        reasons.map(([reason, number]) => (
          <RetryAll
            key={reason}
            reason={reason}
            number={state.data?.nextCursor === null ? number : undefined}
            notify={setNotice}
          />
        ))}
    </Panel>
  );
}

/** Reasons that several failed deliveries share, with their number. */
function commonReasons(entries: DeadLetter[]): [string, number][] {
  const all = [...Map.groupBy(entries, ({ reason }) => reason)];
  return all.map(([reason, each]): [string, number] => [reason, each.length]).filter(([, number]) => number > 1);
}

interface RetryAllProps {
  reason: string;
  /** Undefined if there may be more than the page knows. */
  number: number | undefined;
  notify: (notice: NoticeContent) => void;
}

function RetryAll({ reason, number, notify }: RetryAllProps) {
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    const result = await api.retryAllDeliveries(reason);
    setBusy(false);
    if (!result.ok) notify({ tone: 'bad', text: `Not retried: ${withoutStop(result.fault.message)}.` });
    else notify({ tone: 'good', text: retriedText(result.body, reason) });
  };
  return (
    <button type="button" class="more" disabled={busy} onClick={() => void retry()}>
      {busy ? 'Retrying…' : `Retry all ${number === undefined ? '' : `${number} `}with ${brief(reason)}`}
    </button>
  );
}

/** Slack accepts about one message a second. */
const MS_PER_MESSAGE = 1_000;
/** Nobody needs to know how long fewer deliveries take. */
const MANY = 20;

function retriedText({ retried, isComplete }: { retried: number; isComplete: boolean }, reason: string): string {
  if (retried === 0) return 'Nothing is left to retry: somebody else retried or dismissed them just now.';
  const takes =
    retried < MANY
      ? ''
      : ` Sending them takes at least ${duration(retried * MS_PER_MESSAGE)}; new alerts are sent first.`;
  const more = isComplete ? '' : ' There are more: retry again when these are sent.';
  return `Retrying ${counted(retried, 'delivery', 'deliveries')} with ${brief(reason)}. Those that fail again come back here.${takes}${more}`;
}
