/** A lane for each probe, a mark for each alert. One tab stop; the arrow keys move from alert to alert. */
import { useRef, useState } from 'preact/hooks';
import type { Investigation } from '../../api/types.ts';
import { OutcomeMark } from '../../components/outcome.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { brief, counted, exactTime } from '../../format.ts';
import { finding, OUTCOME_LABELS, outcomeOf } from '../../labels.ts';
import { toInvestigation } from '../../route.ts';
import { tickLabel, ticks } from './ticks.ts';

interface Props {
  entries: Investigation[];
  /** Begin and end, ms. */
  from: number;
  to: number;
  /** Whether the entries are all alerts of this time. */
  complete: boolean;
  pick: (probe: string) => void;
}

export function Timeline({ entries, from, to, complete, pick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string>();
  const oldest = Math.min(...entries.map(({ enqueuedAt }) => Date.parse(enqueuedAt)));
  const length = to - from;
  const positionOf = (at: number) => Math.min(100, Math.max(0, ((at - from) / length) * 100));
  const lanes = [...Map.groupBy(entries, ({ probe }) => probe)];
  const [visibleLanes, more] = useShowMore(lanes, 12, 'probes');
  const shown = visibleLanes.flatMap(([, marks]) => marks);
  const stop = shown.some(({ wakeId }) => wakeId === current) ? current : shown[0]?.wakeId;
  const notLoaded = complete ? 0 : positionOf(oldest);

  /** The left arrow goes to the next earlier alert of all lanes. */
  const move = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowLeft' ? 1 : event.key === 'ArrowRight' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const newestFirst = shown.toSorted((a, b) => b.enqueuedAt.localeCompare(a.enqueuedAt));
    const next = newestFirst[newestFirst.findIndex(({ wakeId }) => wakeId === stop) + by];
    if (!next) return;
    setCurrent(next.wakeId);
    const marks = box.current?.querySelectorAll<HTMLAnchorElement>('a.wakemark') ?? [];
    for (const mark of marks) if (mark.dataset.wake === next.wakeId) mark.focus();
  };

  return (
    <div
      class="timeline"
      ref={box}
      role="group"
      aria-label={`Timeline of ${counted(entries.length, 'alert')}; the arrow keys move from alert to alert`}
      onKeyDown={move}
    >
      {visibleLanes.map(([probe, marks]) => (
        <div class="lane" key={probe}>
          <button type="button" class="lanename" title={`Show only ${probe}`} onClick={() => pick(probe)}>
            {probe}
          </button>
          <div class="track">
            {notLoaded > 0 && <span class="not-loaded" style={{ width: `${notLoaded}%` }} />}
            {ticks(from, to).map((tick) => (
              <span key={tick} class="tick" style={{ left: `${positionOf(tick)}%` }} />
            ))}
            {marks.toReversed().map((entry) => (
              <WakeMark key={entry.wakeId} {...{ entry, stop }} at={positionOf(Date.parse(entry.enqueuedAt))} />
            ))}
          </div>
        </div>
      ))}
      <div class="axis" aria-hidden="true">
        <span class="track">
          {ticks(from, to).map((tick) => (
            <span key={tick} class="label" style={{ left: `${positionOf(tick)}%` }}>
              {tickLabel(tick, length)}
            </span>
          ))}
        </span>
      </div>
      {more}
      {notLoaded > 2 && <p class="fine">The shaded part is not loaded yet: use “Show older alerts” below.</p>}
    </div>
  );
}

/** @param at position in % of the lane */
function WakeMark({ entry, at, stop }: { entry: Investigation; at: number; stop: string | undefined }) {
  const late = at > 90;
  return (
    <a
      class={late ? 'wakemark late' : 'wakemark'}
      href={toInvestigation(entry.wakeId)}
      data-wake={entry.wakeId}
      tabIndex={entry.wakeId === stop ? 0 : -1}
      style={late ? { right: `${100 - at}%` } : { left: `${at}%` }}
      title={`${exactTime(entry.enqueuedAt)}\n${brief(entry.title, 200)}\n${brief(finding(entry), 300)}`}
      aria-label={labelOf(entry)}
    >
      <OutcomeMark outcome={outcomeOf(entry)} />
      {entry.suppressed > 0 && <span class="repeat-count">+{short(entry.suppressed)}</span>}
    </a>
  );
}

function labelOf(entry: Investigation): string {
  const repeats =
    entry.suppressed > 0 ? `, +${short(entry.suppressed)}: ${counted(entry.suppressed, 'repeat')} suppressed` : '';
  const when = new Date(entry.enqueuedAt).toLocaleString('en-GB');
  return `${OUTCOME_LABELS[outcomeOf(entry)]}: ${brief(entry.probe)} / ${brief(entry.category)}, ${when}${repeats}`;
}

const short = (n: number) => (n < 1000 ? String(n) : `${Math.floor(n / 1000)}k`);
