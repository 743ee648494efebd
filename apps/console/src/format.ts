/** Numbers and times for reading. The exact value goes into a title. */
import { markInvisible } from '@kora-wake/shared/wake/text';
import type { TokenUsage } from './api/types.ts';
import { zonedFormat, zonedTime, zoneOffset } from './time-zone.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const dollars = (digits: number) =>
  new Intl.NumberFormat('en', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: Math.min(digits, 2),
    maximumFractionDigits: digits,
  });
const [whole, cents, fine] = [dollars(0), dollars(2), dollars(4)];

export function usd(amount: number): string {
  if (amount === 0) return '$0';
  if (Math.abs(amount) < 0.0001) return amount < 0 ? '> −$0.0001' : '< $0.0001';
  if (Math.abs(amount) < 0.995) return fine.format(amount);
  return Number.isInteger(amount) ? whole.format(amount) : cents.format(amount);
}

/** A difference, with its sign. */
export const signedUsd = (amount: number) => `${amount < 0 ? '−' : '+'}${usd(Math.abs(amount))}`;

export const count = (n: number) => n.toLocaleString('en');
export const counted = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** `1 alert that is`, `2 alerts that are`. */
export const alertsText = (n: number) => (n === 1 ? '1 alert that is' : `${count(n)} alerts that are`);

/** `4,210 in, 391 out` */
export const tokens = (usage: TokenUsage) =>
  `${count(usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens)} in, ${count(usage.outputTokens)} out`;

export function duration(ms: number): string {
  if (ms < 1) return '< 1 ms';
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  return span(ms);
}

/** Rounds down to whole seconds and uses at most two units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return join(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  if (ms < HOUR) return `${Math.floor(seconds / 60)} min`;
  if (ms < DAY) return join(Math.floor(ms / HOUR), 'h', Math.floor((ms % HOUR) / MINUTE), 'min');
  return join(Math.floor(ms / DAY), 'd', Math.floor((ms % DAY) / HOUR), 'h');
}

const join = (a: number, unit: string, b: number, smaller: string) =>
  b === 0 ? `${a} ${unit}` : `${a} ${unit} ${b} ${smaller}`;

/** A distance from now in one unit, rounded down. @param ms since the time */
export function ago(ms: number): string {
  if (Number.isNaN(ms)) return '';
  if (ms < 5 * SECOND) return 'just now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** 9:05, 1:02:07 */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function bytes(n: number): string {
  if (n < 1024) return counted(n, 'byte');
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [n / 1024, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const day = zonedFormat({ dateStyle: 'short' });
const clock = zonedFormat({ hour: '2-digit', minute: '2-digit' });
const dayAndClock = zonedFormat({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const year = zonedFormat({ year: 'numeric' });
const withYear = zonedFormat({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const exactly = zonedFormat({ dateStyle: 'full', timeStyle: 'long' });

/** `14:03` for today, otherwise `22 Nov, 14:03`, in another year `22 Nov 2025, 14:03`; in the chosen time zone. */
export function time(at: number, now: number): string {
  if (Number.isNaN(at)) return '?';
  if (day(at) === day(now)) return clock(at);
  return (year(at) === year(now) ? dayAndClock : withYear)(at);
}

/** Between an ISO time and the value of a `datetime-local` input, in the chosen zone. A text that is no time becomes empty. */
export const localInput = {
  format(iso: string): string {
    const at = Date.parse(iso);
    return Number.isNaN(at) ? '' : new Date(at - zoneOffset(at)).toISOString().slice(0, 16);
  },
  parse(value: string): string {
    const at = zonedTime(value);
    return Number.isNaN(at) ? '' : new Date(at).toISOString();
  },
};

/** With day, time zone and the ISO string of the API. */
export const exactTime = (iso: string) =>
  Number.isNaN(Date.parse(iso)) ? iso : `${exactly(Date.parse(iso))} (${iso})`;

export const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A message of the API without its full stop, to be used inside a sentence. */
export const withoutStop = (message: string) => message.replace(/\.$/, '');

/** Shortens text for a sentence or a label, and never cuts inside a character. */
export function brief(text: string, max = 60): string {
  const characters = Array.from(markInvisible(text));
  return characters.length <= max ? characters.join('') : `${characters.slice(0, max - 1).join('')}…`;
}
