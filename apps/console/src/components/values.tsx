/** Times, durations and money for reading, each with its exact value in the title. */
import { useNow } from '../clock.ts';
import { ago, count, duration, exactTime, span, time, usd } from '../format.ts';

/** @param at ISO time */
export function When({ at, withAge = false }: { at: string; withAge?: boolean }) {
  const now = useNow();
  const then = Date.parse(at);
  return (
    <time dateTime={at} title={exactTime(at)}>
      {time(then, now)}
      {withAge && <span class="age">{ago(now - then)}</span>}
    </time>
  );
}

/** @param at ISO time */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {ago(now - Date.parse(at))}
    </time>
  );
}

/** @param amount USD */
export const Money = ({ amount }: { amount: number }) => (
  <data value={amount} title={`$${amount}`}>
    {usd(amount)}
  </data>
);

export const Duration = ({ ms }: { ms: number }) => (
  <data value={ms} title={`${count(ms)} ms`}>
    {duration(ms)}
  </data>
);

/** In whole seconds: for a duration that still grows. */
export const WaitingTime = ({ ms }: { ms: number }) => (
  <data value={ms} title={`${count(ms)} ms`}>
    {span(ms)}
  </data>
);
