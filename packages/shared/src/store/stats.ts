/**
 * The statistics. Each UTC day has two hashes, pair to amounts:
 *
 *   stats:<day>          of the whole day, and the wakes by hour: ` 3w=1 14w=1 s=40 o:diagnosis=2`
 *   stats:<day>:hours    everything by hour: ` 3w=1 3s=40 3o:diagnosis=1 14w=1 14o:diagnosis=1`. Field `all`: all pairs together
 *
 * The first 1,000 pairs of a day have their own field; all others share the field `other`. Names of amounts:
 *
 *   w, s, b, m     wakes, and suppressed, buffered and muted rows, in the hour in which the tailer decided them
 *   o:<outcome>    outcomes, in the hour in which the wake ended; a dead letter that is retried is taken back in the hour of its failure
 *   v:<verdict>    verdicts of reports, in the hour in which the report was stored
 *   u              cost of these reports, micro-USD
 *
 * The scripts that change the account change the statistics too, so the sums of both agree.
 */
import type { RedisClient } from '../runtime/redis.ts';
import { parseDebounceId } from '../wake/pair.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';

/** Longest period that is stored, days. */
const MAX_DAYS = 35;
/** Longer than that, because a period may begin late on its first day, and that day may have been counted early. */
const TTL_S = (MAX_DAYS + 2) * 86_400;
/** Of one day. A month with this number of pairs on each day can still be read within a request. */
const MAX_PAIRS = 1_000;

/** Hashes that are read together: few round trips, and other requests are answered in between. */
const DAYS_AT_ONCE = 7;
const ALL = 'all';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The argument `stats` of the scripts that change statistics, see lua/lib/stats.lua. */
export function statsArgs(keys: Keys): { key: string; maxPairs: number; ttlS: number } {
  return { key: keys.stats(''), maxPairs: MAX_PAIRS, ttlS: TTL_S };
}

/** @param hour its beginning, ms since the epoch; always given for wakes @param name see above */
type AddStat = (name: string, amount: number, hour: number | undefined) => void;

/** A period until now. */
export interface Period {
  /** Beginning of an hour, ms since the epoch. */
  from: number;
  /** ms since the epoch. Amounts of apps whose clock is ahead are read until the end of this UTC day. */
  to: number;
}

/** Reads the amounts of all pairs together, with their hour. Missing days have none. */
export async function readStatsByHour(redis: RedisClient, keys: Keys, period: Period, add: AddStat): Promise<void> {
  const days = daysOf(period);
  const values = await Promise.all(days.map((day) => redis.hget(keys.statsByHour(day), ALL)));
  for (const [i, day] of days.entries()) addAmounts(values[i] ?? '', day, period.from, add);
}

/**
 * Reads the amounts of each pair.
 *
 * @param statsOf called once for each stored field; undefined: the pairs that share one. Its result gets the amounts.
 */
export async function readStatsByPair(
  redis: RedisClient,
  keys: Keys,
  period: Period,
  statsOf: (pair: { probe: string; category: string } | undefined) => AddStat,
): Promise<void> {
  const known = new Map<string, AddStat>();
  const addTo = (field: string) => {
    const add = known.get(field) ?? statsOf(field.includes(':') ? parseDebounceId(field) : undefined);
    known.set(field, add);
    return add;
  };
  const days = daysOf(period);
  for (let first = 0; first < days.length; first += DAYS_AT_ONCE) {
    const some = days.slice(first, first + DAYS_AT_ONCE);
    const read = await Promise.all(some.map((day) => readDay(redis, keys, day, period.from)));
    for (const [i, fields] of read.entries()) {
      for (let n = 0; n + 1 < fields.length; n += 2) {
        const [field = '', value = ''] = [fields[n], fields[n + 1]];
        if (field !== ALL) addAmounts(value, some[i] ?? 0, period.from, addTo(field));
      }
    }
  }
}

const READ = luaScript('read-stats');

/** The fields of a day and their values in turn; by hour if the period begins within the day. */
async function readDay(redis: RedisClient, keys: Keys, day: number, from: number): Promise<string[]> {
  const key = from <= day * DAY_MS ? keys.stats(day) : keys.statsByHour(day);
  const answer = await READ(redis, [key]);
  return String(answer).split('\n');
}

function daysOf({ from, to }: Period): number[] {
  const first = Math.floor(from / DAY_MS);
  return Array.from({ length: Math.floor(to / DAY_MS) - first + 1 }, (_, i) => first + i);
}

/** Gives the amounts of a stored value that are not of an hour before `from`. Those that are not valid are left out. */
function addAmounts(value: string, day: number, from: number, add: AddStat): void {
  for (let start = 1, end = 0; start < value.length; start = end + 1) {
    end = value.indexOf(' ', start);
    if (end === -1) end = value.length;
    let nameAt = start;
    while (isDigit(value.charCodeAt(nameAt))) nameAt++;
    const equals = value.indexOf('=', nameAt);
    const amount = numberAt(value, equals + 1, end);
    if (equals === -1 || Number.isNaN(amount)) continue;
    const hour = nameAt === start ? undefined : day * DAY_MS + numberAt(value, start, nameAt) * HOUR_MS;
    if (hour === undefined || hour >= from) add(value.slice(nameAt, equals), amount, hour);
  }
}

/** The number in a part of a text; NaN if it is none. A month has hundreds of thousands of them, and `Number` needs a text of its own. */
function numberAt(text: string, from: number, to: number): number {
  if (text[from] === '-') return -numberAt(text, from + 1, to);
  let sum = from < to ? 0 : NaN;
  for (let i = from; i < to; i++) sum = isDigit(text.charCodeAt(i)) ? sum * 10 + text.charCodeAt(i) - ZERO : NaN;
  return sum;
}

const [ZERO, NINE] = [48, 57];
const isDigit = (code: number) => code >= ZERO && code <= NINE;
