/** Whether the console shows times in the zone of the browser or in UTC, as logs do. */
import { storedChoice } from './stored-choice.ts';

export const timeZone = storedChoice('time-zone', ['local', 'utc']);

/** A format in the chosen zone. */
export function zonedFormat(options: Intl.DateTimeFormatOptions): (at: number | Date) => string {
  const local = new Intl.DateTimeFormat('en-GB', options);
  const utc = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  return (at) => (timeZone.get() === 'utc' ? utc : local).format(at);
}

/**
 * The time of a clock in the chosen zone, such as `2026-11-27T03:00`, as ms. If the clock shows it twice, it is the first one. If the
 * clock leaves it out, it is later by the time that is left out.
 */
export const zonedTime = (clock: string) => Date.parse(timeZone.get() === 'utc' ? `${clock}Z` : clock);

/** ms to add to a time of the chosen zone to get UTC, at a time. */
export const zoneOffset = (at: number) => (timeZone.get() === 'utc' ? 0 : new Date(at).getTimezoneOffset() * 60_000);
