import { isTimezone } from '@kora-wake/shared/policy/mute';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type Period, readStatsByHour, readStatsByPair } from '@kora-wake/shared/store/stats';
import type { Outcome, Verdict } from '@kora-wake/shared/wake/outcome';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ErrorAnswer, hoursOf, Stats, type StatsEntry, StatsQuery, type StatsTotals } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import { type LocalTimes, localTimes } from '../local-time.ts';
import { EPOCH, isoTime } from '../times.ts';

const HOUR_MS = 3_600_000;

/** Which alerts make noise: numbers by pair, probe, hour or day. */
export const statsRoutes: FastifyPluginAsyncZod<{ redis: RedisClient; keys: Keys; now(): number }> = async (
  app,
  { redis, keys, now },
) => {
  app.get(
    '/v1/stats',
    {
      schema: {
        summary: 'Rows, wakes, outcomes, verdicts and cost by pair, probe, hour or day',
        description: 'Counted since the release that has this route, and stored for 35 days.',
        querystring: StatsQuery,
        response: { 200: Stats, 400: ErrorAnswer },
      },
    },
    async ({ query: { window, by, timezone, limit } }) => {
      if (!isTimezone(timezone)) {
        throw httpErrors.badRequest('timezone is no time zone: use a name such as Europe/Berlin');
      }
      const to = now();
      const period = { from: Math.floor((to - hoursOf(window) * HOUR_MS) / HOUR_MS) * HOUR_MS, to };
      const local = localTimes(timezone);
      const isByName = by === 'pair' || by === 'probe';
      const all = isByName
        ? await readByName(redis, keys, period, by, local)
        : await readByTime(redis, keys, period, by, local);
      const entries = isByName ? all.slice(0, limit) : all;
      return {
        from: isoTime(period.from) ?? EPOCH,
        to: isoTime(to) ?? EPOCH,
        by,
        entries: entries.map(({ name, sums }) => ({ ...name, ...describe(sums) })),
        left: all.length - entries.length,
        totals: describe(totalOf(all)),
      };
    },
  );
};

interface Group {
  name: Pick<StatsEntry, 'probe' | 'category' | 'start'>;
  sums: Sums;
}

/** Most wakes first, then most rows. */
async function readByName(
  redis: RedisClient,
  keys: Keys,
  period: Period,
  by: 'pair' | 'probe',
  local: LocalTimes,
): Promise<Group[]> {
  const groups = new Map<string, Group>();
  await readStatsByPair(redis, keys, period, (pair) => {
    const { probe = null, category = null } = pair ?? {};
    const name = by === 'probe' ? { probe } : { probe, category };
    const id = JSON.stringify(name);
    const group = groups.get(id) ?? { name, sums: newSums() };
    groups.set(id, group);
    return (stat, amount, hour) => add(group.sums, stat, amount, hour, local);
  });
  return [...groups.values()].sort((a, b) => b.sums.wakes - a.sums.wakes || rowsOf(b.sums) - rowsOf(a.sums));
}

/** In the order of time, with hours and days without rows. */
async function readByTime(
  redis: RedisClient,
  keys: Keys,
  period: Period,
  by: 'hour' | 'day',
  local: LocalTimes,
): Promise<Group[]> {
  const groups = new Map<string | number, Group>();
  const groupOf = (hour: number) => {
    const id = by === 'hour' ? hour : local(hour).day;
    const group = groups.get(id) ?? { name: { start: isoTime(hour) ?? EPOCH }, sums: newSums() };
    groups.set(id, group);
    return group;
  };
  for (let hour = period.from; hour < period.to; hour += HOUR_MS) groupOf(hour);
  await readStatsByHour(redis, keys, period, (stat, amount, hour = period.from) =>
    add(groupOf(hour).sums, stat, amount, hour, local),
  );
  return [...groups.values()];
}

const PLAIN = ['wakes', 'suppressed', 'buffered', 'muted', 'night', 'microUsd'] as const;

function totalOf(groups: Group[]): Sums {
  const total = newSums();
  for (const { sums } of groups) {
    for (const key of PLAIN) total[key] += sums[key];
    for (const [name, amount] of sums.others) total.others.set(name, (total.others.get(name) ?? 0) + amount);
  }
  return total;
}

interface Sums {
  wakes: number;
  suppressed: number;
  buffered: number;
  muted: number;
  night: number;
  microUsd: number;
  /** Outcomes and verdicts by their stored name. */
  others: Map<string, number>;
}

function newSums(): Sums {
  return { wakes: 0, suppressed: 0, buffered: 0, muted: 0, night: 0, microUsd: 0, others: new Map() };
}

/** @param name see store/stats.ts */
function add(sums: Sums, name: string, amount: number, hour: number | undefined, local: LocalTimes): void {
  if (name === 'w') {
    sums.wakes += amount;
    if (hour !== undefined && local(hour).isNight) sums.night += amount;
  } else if (name === 's') sums.suppressed += amount;
  else if (name === 'b') sums.buffered += amount;
  else if (name === 'm') sums.muted += amount;
  else if (name === 'u') sums.microUsd += amount;
  else sums.others.set(name, (sums.others.get(name) ?? 0) + amount);
}

const rowsOf = ({ wakes, suppressed, buffered, muted }: Sums) => wakes + suppressed + buffered + muted;

function describe(sums: Sums): StatsTotals {
  const { wakes, suppressed, buffered, muted, night, microUsd, others } = sums;
  const count = (name: string) => others.get(name) ?? 0;
  return {
    rows: rowsOf(sums),
    wakes,
    suppressed,
    buffered,
    muted,
    night,
    outcomes: {
      diagnosis: count('o:diagnosis'),
      fallback: count('o:fallback'),
      dry_run: count('o:dry_run'),
      unchanged: count('o:unchanged'),
      digest: count('o:digest'),
      joined: count('o:joined'),
      withdrawn: count('o:withdrawn'),
      dead: count('o:dead'),
    } satisfies Record<Outcome, number>,
    verdicts: {
      confirmed: count('v:confirmed'),
      likely: count('v:likely'),
      inconclusive: count('v:inconclusive'),
    } satisfies Record<Verdict, number>,
    usd: microUsd / 1e6,
  };
}
