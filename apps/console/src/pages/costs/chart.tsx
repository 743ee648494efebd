import type { Costs } from '../../api/types.ts';
import { useWidth } from '../../components/use-width.ts';
import { usd } from '../../format.ts';
import { colourOf, daysOf, spentOn } from './spend.ts';

/** The distance of grid lines: 1, 2 or 5 times a power of ten, for about four lines. */
function gridStep(top: number): number {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  return ([1, 2, 5, 10].find((step) => step * power >= top / 4) ?? 10) * power;
}

const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 14;

/** Spend by day and model as stacked bars, with the pace that would spend exactly the budget. */
export function Chart({ costs, models }: { costs: Costs; models: string[] }) {
  const [box, width] = useWidth();
  const days = daysOf(costs);
  const spent = spentOn(costs);
  const totals = days.map((day) => [...(spent.get(day)?.values() ?? [])].reduce((sum, n) => sum + n, 0));
  const most = Math.max(...totals, 0.0001);
  const monthDays = new Date(Date.UTC(Number(costs.month.slice(0, 4)), Number(costs.month.slice(5)), 0)).getUTCDate();
  const pace = costs.budgetUsd / monthDays;
  // A pace far above the bars would flatten them, so it is only described in words then.
  const shown = pace > 0 && pace <= most * 4;
  const top = Math.max(most, shown ? pace : 0) * 1.08;
  const room = Math.max(0, width - LEFT - 4);
  const slot = room / days.length;
  const y = (amount: number) => TOP + (1 - amount / top) * (HEIGHT - TOP - BOTTOM);
  const grid = gridStep(top);
  const lines = Array.from({ length: Math.floor(top / grid) + 1 }, (_, i) => i * grid);
  const every = Math.ceil(44 / Math.max(1, slot));
  const [busiest] = totals.map((total, i) => ({ total, day: days[i] })).sort((a, b) => b.total - a.total);
  return (
    <div class="chart" ref={box}>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Spend by day and model; highest on ${busiest?.day}, ${usd(most)}. The table below has the numbers.`}
      >
        {lines.map((line) => (
          <g key={line}>
            <path class="grid" d={`M${LEFT} ${y(line)}H${width}`} />
            <text class="scale" x={LEFT - 8} y={y(line) + 4}>
              {usd(line)}
            </text>
          </g>
        ))}
        {days.map((day, i) => {
          let base = 0;
          return (
            <g key={day}>
              {models.map((model) => {
                const amount = spent.get(day)?.get(model) ?? 0;
                if (amount === 0) return null;
                const bottom = base;
                base += amount;
                return (
                  <rect
                    key={model}
                    class={colourOf(models, model)}
                    x={LEFT + i * slot + slot * 0.14}
                    width={Math.max(1, slot * 0.72)}
                    y={y(base)}
                    height={Math.max(0.5, y(bottom) - y(base))}
                  >
                    <title>{`${day}, ${model}: $${amount}`}</title>
                  </rect>
                );
              })}
              {i % every === 0 && (
                <text class="day" x={LEFT + (i + 0.5) * slot} y={HEIGHT - 6}>
                  {Number(day.slice(8))}
                </text>
              )}
            </g>
          );
        })}
        {shown && <path class="pace" d={`M${LEFT} ${y(pace)}H${width}`} />}
      </svg>
      {shown && (
        <p class="fine pacekey">
          <svg width="24" height="8" aria-hidden="true">
            <path class="pace" d="M0 4H24" />
          </svg>
          {usd(pace)} a day spends the whole budget by the end of the month
        </p>
      )}
      {pace > 0 && !shown && <p class="fine">The budget allows {usd(pace)} a day, far above this chart.</p>}
    </div>
  );
}
