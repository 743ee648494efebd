/** A lane for each probe, a mark for each wake. One stop for the keyboard; the arrows go from wake to wake. */
import { useRef, useState } from 'preact/hooks';
import { useNow } from './clock.ts';
import type { Investigation } from './contract.ts';
import { brief, counted, exactTime, plain } from './format.ts';
import type { Span } from './investigations.tsx';
import { Mark, useSome } from './parts.tsx';
import { toInvestigation } from './route.ts';
import { FATES, fateOf, finding } from './words.ts';

const HOUR = 3_600_000;
const LENGTHS: Record<Span, number | undefined> = { '24h': 24 * HOUR, '7d': 7 * 24 * HOUR, all: undefined };

interface Props {
  entries: Investigation[];
  span: Span;
  /** whether these are all there are in the span */
  whole: boolean;
  pick: (probe: string) => void;
}

export function TimeLine({ entries, span, whole, pick }: Props) {
  const now = useNow();
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string>();
  const oldest = Math.min(...entries.map(({ enqueuedAt }) => Date.parse(enqueuedAt)));
  const length = LENGTHS[span] ?? Math.max(HOUR, (now - oldest) * 1.03);
  const from = now - length;
  const place = (at: number) => Math.min(100, Math.max(0, ((at - from) / length) * 100));
  const lanes = [...Map.groupBy(entries, ({ probe }) => probe)];
  const [some, more] = useSome(lanes, 12, 'probes');
  const shown = some.flatMap(([, marks]) => marks);
  const stop = shown.some(({ wakeId }) => wakeId === current) ? current : shown[0]?.wakeId;
  const unread = whole ? 0 : place(oldest);

  /** Left is earlier, over all lanes. */
  const step = (event: KeyboardEvent) => {
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
      aria-label={`Time line of ${counted(entries.length, 'wake')}; the arrow keys go from wake to wake`}
      onKeyDown={step}
    >
      {some.map(([probe, marks]) => (
        <div class="lane" key={probe}>
          <button type="button" class="lanename" title={`Only ${probe}`} onClick={() => pick(probe)}>
            {plain(probe)}
          </button>
          <div class="track">
            {unread > 0 && <span class="unread" style={{ width: `${unread}%` }} />}
            {ticks(from, now).map((tick) => (
              <span key={tick} class="tick" style={{ left: `${place(tick)}%` }} />
            ))}
            {marks.toReversed().map((entry) => (
              <WakeMark key={entry.wakeId} {...{ entry, stop }} at={place(Date.parse(entry.enqueuedAt))} />
            ))}
          </div>
        </div>
      ))}
      <div class="axis" aria-hidden="true">
        <span class="track">
          {ticks(from, now).map((tick) => (
            <span key={tick} class="label" style={{ left: `${place(tick)}%` }}>
              {tickLabel(tick, length)}
            </span>
          ))}
        </span>
      </div>
      {more}
      {unread > 2 && <p class="fine">What is shaded was not read yet: “Show older ones” below.</p>}
    </div>
  );
}

/** @param at in % of the lane */
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
      aria-label={spoken(entry)}
    >
      <Mark fate={fateOf(entry)} />
      {entry.suppressed > 0 && <span class="held">+{short(entry.suppressed)}</span>}
    </a>
  );
}

function spoken(entry: Investigation): string {
  const held =
    entry.suppressed > 0 ? `, +${short(entry.suppressed)}: ${counted(entry.suppressed, 'repeat')} held back` : '';
  const when = new Date(entry.enqueuedAt).toLocaleString('en-GB');
  return `${FATES[fateOf(entry)]}: ${brief(entry.probe)} / ${brief(entry.category)}, ${when}${held}`;
}

const short = (n: number) => (n < 1000 ? String(n) : `${Math.floor(n / 1000)}k`);

/** Round local times within the span, some six of them. */
function ticks(from: number, to: number): number[] {
  const steps = [0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 168, 336, 720, 2160].map((hours) => hours * HOUR);
  const step = steps.find((step) => (to - from) / step <= 7) ?? 8760 * HOUR;
  const offset = new Date(to).getTimezoneOffset() * 60_000;
  const found: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) found.push(at);
  return found;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

const tickLabel = (at: number, length: number) => (length > 3 * 24 * HOUR ? day : clock).format(at);
