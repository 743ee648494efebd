/** Alerts in parts of equal length: too many for a mark each. One tab stop; the arrow keys move from part to part. */
import { useRef, useState } from 'preact/hooks';
import type { Timeline } from '../../api/types.ts';
import { count, counted, exactTime, time } from '../../format.ts';
import { tickLabel, ticks } from './ticks.ts';

type Bucket = Timeline['buckets'][number];

/** @param zoom shows only the time between two ISO times */
export function Histogram({ data, zoom }: { data: Timeline; zoom: (from: string, to: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string>();
  const [from, to] = [Date.parse(data.from), Date.parse(data.to)];
  const length = to - from;
  const most = Math.max(...data.buckets.map(({ wakes, suppressed }) => wakes + suppressed));
  const stop = data.buckets.some(({ start }) => start === current) ? current : data.buckets.at(-1)?.start;
  const positionOf = (at: number) => ((at - from) / length) * 100;
  // A label at an edge would be cut.
  const labelled = ticks(from, to).filter((tick) => positionOf(tick) > 4 && positionOf(tick) < 97);
  const move = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    const next = data.buckets[data.buckets.findIndex(({ start }) => start === stop) + by];
    if (by === 0 || !next) return;
    event.preventDefault();
    setCurrent(next.start);
    const bars = box.current?.querySelectorAll<HTMLButtonElement>('button') ?? [];
    for (const bar of bars) if (bar.dataset.start === next.start) bar.focus();
  };
  return (
    <div class="histogram" ref={box} onKeyDown={move}>
      <p class="fine">
        {counted(data.wakes, 'alert')}. Choose a bar to see its alerts. The height is the square root of the number.
        {!data.isComplete && ' Older ones are not counted: choose a shorter time.'}
      </p>
      <div class="bars" role="group" aria-label="Alerts over time; the arrow keys move from bar to bar">
        {ticks(from, to).map((tick) => (
          <span key={tick} class="tick" style={{ left: `${positionOf(tick)}%` }} />
        ))}
        {data.buckets.map((bucket) => (
          <Bar
            key={bucket.start}
            {...{ bucket, most, stop }}
            left={positionOf(Date.parse(bucket.start))}
            width={(data.bucketMs / length) * 100}
            choose={() => zoom(bucket.start, new Date(Date.parse(bucket.start) + data.bucketMs).toISOString())}
          />
        ))}
      </div>
      <div class="axis" aria-hidden="true">
        <span class="track">
          {labelled.map((tick) => (
            <span key={tick} class="label" style={{ left: `${positionOf(tick)}%` }}>
              {tickLabel(tick, length)}
            </span>
          ))}
        </span>
      </div>
    </div>
  );
}

interface BarProps {
  bucket: Bucket;
  /** The highest bar has this number. */
  most: number;
  stop: string | undefined;
  left: number;
  width: number;
  choose: () => void;
}

function Bar({ bucket, most, stop, left, width, choose }: BarProps) {
  const { start, wakes, notSent, suppressed } = bucket;
  const heightOf = (number: number) => `${Math.sqrt(number / most) * 100}%`;
  const text = `${time(Date.parse(start), Date.now())}: ${counted(wakes, 'alert')}, ${count(notSent)} not sent, ${count(suppressed)} suppressed`;
  return (
    <button
      type="button"
      class="bucket"
      data-start={start}
      tabIndex={start === stop ? 0 : -1}
      style={{ left: `${left}%`, width: `${width}%` }}
      title={`${exactTime(start)}\n${text}`}
      aria-label={text}
      onClick={choose}
    >
      <i class="suppressed" style={{ height: heightOf(wakes + suppressed) }} />
      <i class="unsent" style={{ height: heightOf(wakes) }} />
      <i class="alerts" style={{ height: heightOf(wakes - notSent) }} />
    </button>
  );
}
