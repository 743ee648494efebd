/** Whether the console shows times in the zone of the browser or in UTC, as logs do. */
import { storedChoice } from './stored-choice.ts';

export const timeZone = storedChoice('time-zone', ['local', 'utc']);

/** A format in the chosen zone. */
export function zonedFormat(options: Intl.DateTimeFormatOptions): (at: number | Date) => string {
  const local = new Intl.DateTimeFormat('en-GB', options);
  const utc = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  return (at) => (timeZone.get() === 'utc' ? utc : local).format(at);
}

/** ms to add to a time of the chosen zone to get UTC, at a time. */
export const zoneOffset = (at: number) => (timeZone.get() === 'utc' ? 0 : new Date(at).getTimezoneOffset() * 60_000);
