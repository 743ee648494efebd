import type { BacktestPolicy } from '../../api/types.ts';
import { PolicyHeads } from '../../components/backtest/policy-heads.tsx';
import { useWidth } from '../../components/use-width.ts';
import { count } from '../../format.ts';

const HEIGHT = 150;
const BOTTOM = 20;
const TOP = 6;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

/** Messages by hour of the day: a bar for each policy. */
export function Hours({ policies }: { policies: BacktestPolicy[] }) {
  const [box, width] = useWidth();
  const most = Math.max(1, ...policies.flatMap(({ byHour }) => byHour));
  const slot = Math.max(0, width) / HOURS.length;
  const bar = (slot * 0.8) / policies.length;
  return (
    <>
      <div class="chart hours" ref={box}>
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`Messages by hour of the day, at most ${count(most)}. The table below has the numbers.`}
        >
          {policies.map(({ name, byHour }, policy) =>
            byHour.map((n, hour) => {
              const tall = (n / most) * (HEIGHT - TOP - BOTTOM);
              return n === 0 ? null : (
                <rect
                  key={`${name} ${hour}`}
                  class={`m${policy}`}
                  x={slot * (hour + 0.1) + policy * bar}
                  width={Math.max(1, bar - 1)}
                  y={HEIGHT - BOTTOM - tall}
                  height={tall}
                >
                  <title>{`${hour}:00, ${name}: ${n}`}</title>
                </rect>
              );
            }),
          )}
          {HOURS.filter((hour) => hour % 3 === 0).map((hour) => (
            <text key={hour} class="day" x={slot * (hour + 0.5)} y={HEIGHT - 5}>
              {hour}
            </text>
          ))}
        </svg>
      </div>
      <p class="fine legend">
        {policies.map(({ name }, policy) => (
          <span key={name}>
            <svg width="10" height="10" aria-hidden="true">
              <rect class={`m${policy}`} width="10" height="10" />
            </svg>
            {name}
          </span>
        ))}
      </p>
      <details>
        <summary>Show as a table</summary>
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">Hour</th>
              <PolicyHeads policies={policies} />
            </tr>
          </thead>
          <tbody>
            {HOURS.map((hour) => (
              <tr key={hour}>
                <th scope="row">{hour}:00</th>
                {policies.map(({ name, byHour }) => (
                  <td key={name}>{count(byHour[hour] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}
