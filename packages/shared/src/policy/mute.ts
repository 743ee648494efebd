/** Mutes: repeated spans of time in which the rows of a rule do not notify. */
import { Cron } from 'croner';

export interface Mute {
  /** Five fields; the span begins at each time that matches. */
  cron: string;
  /** Length of the span, ms. */
  forMs: number;
  /** IANA name. Daylight saving moves the span with the clocks on the wall. */
  timezone: string;
  reason: string;
}

/** The span that covers a time. Both in ms since the epoch. */
export interface MutedSpan {
  mute: Mute;
  until: number;
}

/** Finds the mute that covers a time. It remembers the last answers, because a search takes some 50 us. */
export function mutes(list: Mute[]): (now: number) => MutedSpan | undefined {
  const schedules = list.map(scheduleOf);
  return (now) => {
    for (const [i, untilAt] of schedules.entries()) {
      const mute = list[i];
      const until = untilAt(now);
      if (mute && until !== undefined) return { mute, until };
    }
    return undefined;
  };
}

/** Returns a function that gives the end of the span that covers a time, or undefined. */
function scheduleOf({ cron, forMs, timezone }: Mute): (now: number) => number | undefined {
  const schedule = new Cron(cron, { timezone, paused: true });
  // The answer holds from `from` on, before `to`.
  let known: { from: number; to: number; until: number | undefined } = { from: 0, to: 0, until: undefined };
  return (now) => {
    if (now < known.from || now >= known.to) known = find(now);
    return known.until;
  };

  function find(now: number) {
    // The first begin after `now - forMs` is the oldest span that can still cover `now`.
    const begin = schedule.nextRun(new Date(now - forMs))?.getTime() ?? Infinity;
    if (begin > now) return { from: now, to: begin, until: undefined };
    return { from: begin, to: begin + forMs, until: begin + forMs };
  }
}

/** The mistake in a cron expression, as the end of a sentence that begins with its key, or undefined. */
export function cronMistake(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/).length;
  if (fields !== 5) return 'must have five fields: minute, hour, day of the month, month, day of the week';
  try {
    return new Cron(cron, { timezone: 'UTC', paused: true }).nextRun() === null ? 'never matches a time' : undefined;
  } catch {
    return 'is no cron expression, such as 0 2 * * 0 for each Sunday at 02:00';
  }
}

export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

/** The shortest time between two of the next 50 begins, ms: a span that is as long never ends. */
export function shortestInterval({ cron, timezone }: Pick<Mute, 'cron' | 'timezone'>, now: number): number {
  const begins = new Cron(cron, { timezone, paused: true }).nextRuns(50, new Date(now)).map((date) => date.getTime());
  return Math.min(...begins.slice(1).map((begin, i) => begin - (begins[i] ?? 0)));
}
