import { Empty } from '../../components/panel.tsx';
import { Money } from '../../components/values.tsx';
import { colourOf } from './spend.ts';

/** Amounts as bars, the largest first. @param colours the models of the chart, for bars in its colours */
export function Shares({ rows, colours }: { rows: { name: string; usd: number }[]; colours?: string[] }) {
  const most = Math.max(...rows.map((row) => row.usd), 0.000001);
  if (rows.length === 0) return <Empty>No cost yet.</Empty>;
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
