/** Hours of the day in a time zone. */

/** Offsets of all zones are multiples of a quarter of an hour. */
const QUARTER_MS = 900_000;

/** Returns a function that gives the hour (0 to 23) of a time (ms since the epoch). @param timezone IANA name */
export function hoursIn(timezone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en', { timeZone: timezone, hour: 'numeric', hourCycle: 'h23' });
  const known = new Map<number, number>();
  return (at) => {
    const quarter = Math.floor(at / QUARTER_MS);
    const found = known.get(quarter) ?? Number(format.format(quarter * QUARTER_MS));
    known.set(quarter, found);
    return found;
  };
}
