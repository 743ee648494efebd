import type { Costs } from '../../api/types.ts';
import { Money } from '../../components/values.tsx';
import { brief } from '../../format.ts';
import { spentOn } from './spend.ts';

/** The numbers of the chart. */
export function CostTable({ costs, models }: { costs: Costs; models: string[] }) {
  const spent = spentOn(costs);
  const days = [...spent.keys()].sort().reverse();
  return (
    <details>
      <summary>Show as a table</summary>
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
              <th scope="col">Total</th>
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
