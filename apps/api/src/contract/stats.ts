/** Noise statistics: what each pair, probe, hour or day caused. */
import { OUTCOMES, VERDICTS } from '@kora-wake/shared/wake/outcome';
import { z } from 'zod';
import { time } from './common.ts';

export const STATS_GROUPS = ['pair', 'probe', 'hour', 'day'] as const;

const HOURS_OF_UNIT = { h: 1, d: 24 };
const MAX_HOURS = 35 * 24;

/** Hours of a period such as `24h` or `7d`. */
export function hoursOf(period: string): number {
  return Number(period.slice(0, -1)) * HOURS_OF_UNIT[period.endsWith('d') ? 'd' : 'h'];
}

export const StatsQuery = z.strictObject({
  window: z
    .string()
    .regex(/^[1-9]\d{0,3}[hd]$/, 'must be a number of hours or days, such as 24h or 7d')
    .refine((period) => hoursOf(period) <= MAX_HOURS, 'must be at most 35d')
    .default('7d')
    .describe('period until now, in hours (24h) or days of 24 hours (7d), at most 35d'),
  by: z.enum(STATS_GROUPS).default('pair').describe('hour and day: with entries for hours and days without rows'),
  timezone: z
    .string()
    .default('UTC')
    .describe(
      'IANA name, such as Europe/Berlin. It decides which hours are night, and where a day begins. Numbers are counted for each hour of UTC. In a zone with another offset than whole hours, each of them counts for the local hour in which it begins',
    ),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('maximum number of pairs or probes; the totals contain all'),
});

const numbers = {
  rows: z.number().describe('wakes, and suppressed, buffered and muted rows. Rejected rows are not counted here'),
  wakes: z.number().describe('rows that became a wake; like all rows by the hour in which they were decided'),
  suppressed: z.number(),
  buffered: z.number(),
  muted: z.number(),
  night: z.number().describe('wakes between 22:00 and 07:00'),
  outcomes: z
    .record(z.enum(OUTCOMES), z.number())
    .describe('by the hour in which the wake ended, which may be a later one than that of the wake'),
  verdicts: z.record(z.enum(VERDICTS), z.number()).describe('by the hour in which the report was stored'),
  usd: z.number().describe('cost of these reports, USD'),
};
export const StatsTotals = z.object(numbers).meta({ id: 'StatsTotals' });
export type StatsTotals = z.infer<typeof StatsTotals>;

export const StatsEntry = z
  .object({
    probe: z
      .string()
      .nullable()
      .exactOptional()
      .describe('by pair or probe. null: all pairs after the first 1,000 of their UTC day'),
    category: z.string().nullable().exactOptional().describe('by pair; null as for the probe'),
    start: time.exactOptional().describe('by hour or day: its beginning; the first day may begin late, at `from`'),
    ...numbers,
  })
  .meta({ id: 'StatsEntry' });
export type StatsEntry = z.infer<typeof StatsEntry>;

export const Stats = z
  .object({
    from: time.describe('beginning of the hour in which the period begins'),
    to: time,
    by: z.enum(STATS_GROUPS),
    entries: z
      .array(StatsEntry)
      .describe('pairs and probes with the most wakes first, then with the most rows; hours and days by time'),
    left: z.number().describe('pairs or probes beyond the limit'),
    totals: StatsTotals,
  })
  .meta({ id: 'Stats' });
export type Stats = z.infer<typeof Stats>;
