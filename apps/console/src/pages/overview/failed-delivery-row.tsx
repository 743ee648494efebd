/** One failed delivery, with retry and dismiss. */
import { useMayChange } from '../../api/resources.ts';
import type { DeadLetter } from '../../api/types.ts';
import { DeliveryActions } from '../../components/delivery-actions.tsx';
import type { NoticeContent } from '../../components/notice.tsx';
import { OutcomeMark } from '../../components/outcome.tsx';
import { Pair } from '../../components/pair.tsx';
import { Ago } from '../../components/values.tsx';
import { brief } from '../../format.ts';
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
      {mayChange && <DeliveryActions job={letter} wakeId={letter.wakeId} name={nameOf(letter)} notify={notify} />}
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
