/** The hours of a time zone. */
import { isNight } from '@kora-wake/shared/wake/night';

interface LocalTime {
  /** Such as `2026-11-24`. */
  day: string;
  isNight: boolean;
}
/** @returns the local time of a time in ms since the epoch */
export type LocalTimes = (at: number) => LocalTime;

/** @param timezone IANA name, which must be valid */
export function localTimes(timezone: string): LocalTimes {
  // Swedish dates and times are written as ISO 8601 does.
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
  });
  const known = new Map<number, LocalTime>();
  return (at) => {
    const before = known.get(at);
    if (before) return before;
    const [day = '', hour = ''] = format.format(at).split(' ');
    const local = { day, isNight: isNight(Number(hour)) };
    known.set(at, local);
    return local;
  };
}
