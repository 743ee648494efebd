import type { OpenWindow } from '../../api/types.ts';
import { useNow } from '../../clock.ts';
import { ConfirmButton } from '../../components/confirm-button.tsx';
import { Pair } from '../../components/pair.tsx';
import { Ago } from '../../components/values.tsx';
import { brief, count, countdown, counted, exactTime } from '../../format.ts';
import { toInvestigation } from '../../route.ts';

interface WindowRowProps {
  entry: OpenWindow;
  /** Time of the answer, by the browser's clock, ms. */
  readAt: number;
  end: (reason: string) => Promise<void>;
}

export function WindowRow({ entry, readAt, end }: WindowRowProps) {
  const name = `${brief(entry.probe)} / ${brief(entry.category)}`;
  const repeats = entry.suppressed === 0 ? 'No repeats' : counted(entry.suppressed, 'repeat');
  return (
    <li>
      <a href={toInvestigation(entry.wakeId)} class="subject">
        <Pair probe={entry.probe} category={entry.category} />
      </a>
      <Repeats entry={entry} />
      <TimeLeft entry={entry} readAt={readAt} />
      <span class="actions">
        <ConfirmButton
          label="End now"
          of={name}
          question={`End suppression of ${name}? The next alert is sent. ${repeats} so far.`}
          confirm="End now"
          act={end}
        />
      </span>
    </li>
  );
}

const Repeats = ({ entry: { suppressed, lastSuppressedAt } }: { entry: OpenWindow }) => (
  <span class="repeats">
    {suppressed === 0 ? (
      <span class="none">no repeats</span>
    ) : (
      <>
        <b>{count(suppressed)}</b> {suppressed === 1 ? 'repeat' : 'repeats'}
        {lastSuppressedAt && (
          <span class="age">
            , last <Ago at={lastSuppressedAt} />
          </span>
        )}
      </>
    )}
  </span>
);

/** Counts down from the time of the answer, so neither clock must be right. */
function TimeLeft({ entry, readAt }: Pick<WindowRowProps, 'entry' | 'readAt'>) {
  useNow();
  const left = Math.max(0, entry.remainingMs - (Date.now() - readAt));
  const length = Date.parse(entry.expiresAt) - Date.parse(entry.openedAt);
  const share = length > 0 ? Math.min(1, left / length) : 0;
  return (
    <span class="time-left" title={`Opened ${exactTime(entry.openedAt)}; ends ${exactTime(entry.expiresAt)}`}>
      <span class="bar" aria-hidden="true">
        <i style={{ width: `${share * 100}%` }} />
      </span>
      <span class="countdown">{left > 0 ? countdown(left) : 'ending'}</span>
    </span>
  );
}
