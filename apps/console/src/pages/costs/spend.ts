/** The numbers behind the chart and the table. Days are UTC. */
import type { Costs } from '../../api/types.ts';

const DAY = 86_400_000;
const isoDay = (at: number) => new Date(at).toISOString().slice(0, 10);

/** The days of the chart: the whole month, or the last 31 days if there are costs before the month. */
export function daysOf({ month, days }: Costs): string[] {
  const first = Date.parse(`${month}-01`);
  const ended = new Date(first);
  ended.setUTCMonth(ended.getUTCMonth() + 1);
  const sorted = days.map(({ day }) => day).sort();
  const hasEarlier = sorted.some((day) => day < `${month}-01`);
  const last = Date.parse(sorted.at(-1) ?? `${month}-01`);
  const [from, to] = hasEarlier ? [last - 30 * DAY, last] : [first, ended.getTime() - DAY];
  return Array.from({ length: Math.round((to - from) / DAY) + 1 }, (_, i) => isoDay(from + i * DAY));
}

/** USD by day and model. */
export function spentOn(costs: Costs): Map<string, Map<string, number>> {
  const spent = new Map<string, Map<string, number>>();
  for (const { day, model, usd } of costs.entries) {
    const models = spent.get(day) ?? new Map<string, number>();
    models.set(model, (models.get(model) ?? 0) + usd);
    spent.set(day, models);
  }
  return spent;
}

/** A class for the colour of a model. From the fifth on, models share a colour; the table separates them. */
export const colourOf = (models: string[], model: string) => `m${Math.min(4, Math.max(0, models.indexOf(model)))}`;
