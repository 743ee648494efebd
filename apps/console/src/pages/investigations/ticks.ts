import { zonedFormat, zoneOffset } from '../../time-zone.ts';

const HOUR = 3_600_000;

/** At most seven round times of the chosen zone between two times, ms. */
export function ticks(from: number, to: number): number[] {
  const steps = [0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 168, 336, 720, 2160].map((hours) => hours * HOUR);
  const step = steps.find((step) => (to - from) / step <= 7) ?? 8760 * HOUR;
  const offset = zoneOffset(to);
  const found: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) found.push(at);
  return found;
}

const clock = zonedFormat({ hour: '2-digit', minute: '2-digit' });
const day = zonedFormat({ weekday: 'short', day: 'numeric', month: 'short' });

/** @param length of the timeline, ms */
export const tickLabel = (at: number, length: number) => (length > 3 * 24 * HOUR ? day : clock)(at);
