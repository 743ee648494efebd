/** What it costs: by day and model, against the budget. */
import type { Costs as CostsAnswer } from './contract.ts';
import * as api from './data.ts';
import { useResource } from './data.ts';
import { brief, usd } from './format.ts';
import { Ladder, Spent } from './ladder.tsx';
import { Empty, Money, Panel, useWidth } from './parts.tsx';

export function Costs() {
  const known = useResource(api.costs);
  const { data } = known;
  const models = data ? data.byModel.toSorted((a, b) => b.usd - a.usd).map(({ model }) => model) : [];
  return (
    <div class="costs">
      <div class="toolbar">
        <h1>Costs</h1>
        {data && <Spent costs={data} />}
      </div>
      <div class="columns">
        <div class="answers">
          <Panel id="bydays" title="By day and model" hint="days and months are UTC" known={known}>
            {data &&
              (data.entries.length === 0 ? (
                <Empty>Nothing was spent. Each call of the engine is entered here as it ends.</Empty>
              ) : (
                <>
                  <Chart costs={data} models={models} />
                  <Table costs={data} models={models} />
                </>
              ))}
          </Panel>
        </div>
        <div class="rail">
          <Panel id="budget" title="Budget" hint={data?.month} known={known}>
            {data &&
              (data.budgetUsd > 0 ? (
                <Ladder costs={data} />
              ) : (
                <Empty>No limit is set, so nothing is ever stopped by its cost.</Empty>
              ))}
          </Panel>
          <Panel id="bymodel" title="By model" known={known}>
            {data && <Shares rows={data.byModel.map(({ model, usd }) => ({ name: model, usd }))} colours={models} />}
          </Panel>
          <Panel id="byroute" title="By what was asked" known={known}>
            {data && <Shares rows={data.byRoute.map(({ route, usd }) => ({ name: route, usd }))} />}
          </Panel>
        </div>
      </div>
    </div>
  );
}

/** Beyond the fifth, models share a colour; the table tells them apart. */
const colourOf = (models: string[], model: string) => `m${Math.min(4, Math.max(0, models.indexOf(model)))}`;

function Shares({ rows, colours }: { rows: { name: string; usd: number }[]; colours?: string[] }) {
  const most = Math.max(...rows.map((row) => row.usd), 0.000001);
  if (rows.length === 0) return <Empty>Nothing yet.</Empty>;
  return (
    <ul class="shares">
      {rows
        .toSorted((a, b) => b.usd - a.usd)
        .map((row) => (
          <li key={row.name}>
            <span class="name" title={row.name}>
              {row.name}
            </span>
            <Money amount={row.usd} />
            <span class="bar" aria-hidden="true">
              <i class={colours ? colourOf(colours, row.name) : ''} style={{ width: `${(row.usd / most) * 100}%` }} />
            </span>
          </li>
        ))}
    </ul>
  );
}

const DAY = 86_400_000;
const isoDay = (at: number) => new Date(at).toISOString().slice(0, 10);

/** The days of the chart: those of the month, or the last 31 where earlier ones are known. */
function daysOf({ month, days }: CostsAnswer): string[] {
  const first = Date.parse(`${month}-01`);
  const ended = new Date(first);
  ended.setUTCMonth(ended.getUTCMonth() + 1);
  const sorted = days.map(({ day }) => day).sort();
  const early = sorted.some((day) => day < `${month}-01`);
  const last = Date.parse(sorted.at(-1) ?? `${month}-01`);
  const [from, to] = early ? [last - 30 * DAY, last] : [first, ended.getTime() - DAY];
  return Array.from({ length: Math.round((to - from) / DAY) + 1 }, (_, i) => isoDay(from + i * DAY));
}

function spentOn(costs: CostsAnswer): Map<string, Map<string, number>> {
  const spent = new Map<string, Map<string, number>>();
  for (const { day, model, usd } of costs.entries) {
    const models = spent.get(day) ?? new Map<string, number>();
    models.set(model, (models.get(model) ?? 0) + usd);
    spent.set(day, models);
  }
  return spent;
}

/** 1, 2 or 5 times a power of ten: some four lines up to the top. */
function gridStep(top: number): number {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  return ([1, 2, 5, 10].find((step) => step * power >= top / 4) ?? 10) * power;
}

const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 14;

function Chart({ costs, models }: { costs: CostsAnswer; models: string[] }) {
  const [box, width] = useWidth();
  const days = daysOf(costs);
  const spent = spentOn(costs);
  const totals = days.map((day) => [...(spent.get(day)?.values() ?? [])].reduce((sum, n) => sum + n, 0));
  const most = Math.max(...totals, 0.0001);
  const monthDays = new Date(Date.UTC(Number(costs.month.slice(0, 4)), Number(costs.month.slice(5)), 0)).getUTCDate();
  const pace = costs.budgetUsd / monthDays;
  // The line of the pace belongs to the picture unless it would press the bars flat.
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
        aria-label={`Spend by day and model; the most on ${busiest?.day}, ${usd(most)}. The table below has the numbers.`}
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
          {usd(pace)} a day, each day of the month, spends the whole budget
        </p>
      )}
      {pace > 0 && !shown && (
        <p class="fine">An even pace through the whole budget would be {usd(pace)} a day, far above this chart.</p>
      )}
    </div>
  );
}

function Table({ costs, models }: { costs: CostsAnswer; models: string[] }) {
  const spent = spentOn(costs);
  const days = [...spent.keys()].sort().reverse();
  return (
    <details>
      <summary>The numbers as a table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="Spend by day and model, as a table">
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">Day</th>
              {models.map((model) => (
                <th scope="col" key={model} title={model}>
                  {brief(model, 40)}
                </th>
              ))}
              <th scope="col">Sum</th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => {
              const row = spent.get(day) ?? new Map<string, number>();
              return (
                <tr key={day}>
                  <th scope="row">{day}</th>
                  {models.map((model) => (
                    <td key={model}>
                      <Money amount={row.get(model) ?? 0} />
                    </td>
                  ))}
                  <td>
                    <Money amount={[...row.values()].reduce((sum, n) => sum + n, 0)} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </details>
  );
}
