/** A row of numbers for each pair, sorted by the column that a person chose. */
import type { StatsTotals } from '../../api/types.ts';
import { Pair } from '../../components/pair.tsx';
import { useShowSteps } from '../../components/show-more.tsx';
import { brief } from '../../format.ts';
import { toAlertsOf } from '../../route.ts';
import { COLUMNS, type Order, type PairStats, type SortKey } from './pairs.ts';

interface PairTableProps {
  pairs: PairStats[];
  total: StatsTotals;
  /** Of the line of totals. */
  name: string;
  order: Order;
  sort: (key: SortKey) => void;
  chosen: { probe: string; category: string };
  choose: (probe: string, category: string) => void;
}

export function PairTable({ pairs, total, name, order, sort, chosen, choose }: PairTableProps) {
  const [shown, more] = useShowSteps(pairs, 50, 'pairs');
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Numbers by pair">
        <table class="numbers pairs">
          <thead>
            <tr>
              <SortHead label="Pair" meaning="Sort by name" column="pair" {...{ order, sort }} />
              {COLUMNS.map(({ key, label, meaning }) => (
                <SortHead key={key} column={key} {...{ label, meaning, order, sort }} />
              ))}
              <th scope="col">
                <span class="visually-hidden">Try</span>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr class="total">
              <th scope="row">{name}</th>
              <Numbers of={total} />
              <td class="none" />
            </tr>
            {shown.map((pair) => (
              <PairRow
                key={JSON.stringify([pair.probe, pair.category])}
                pair={pair}
                isChosen={pair.probe === chosen.probe && pair.category === chosen.category}
                choose={choose}
              />
            ))}
          </tbody>
        </table>
      </div>
      {more}
    </>
  );
}

interface SortHeadProps {
  label: string;
  meaning: string;
  column: SortKey;
  order: Order;
  sort: (key: SortKey) => void;
}

function SortHead({ label, meaning, column, order, sort }: SortHeadProps) {
  const isSorted = order.key === column;
  return (
    <th scope="col" {...(isSorted && { 'aria-sort': order.isUp ? 'ascending' : 'descending' })}>
      <button type="button" class="quiet sort" title={meaning} onClick={() => sort(column)}>
        {label}
        <span aria-hidden="true">{isSorted ? (order.isUp ? '▲' : '▼') : ''}</span>
      </button>
    </th>
  );
}

const Numbers = ({ of: totals }: { of: StatsTotals }) => (
  <>
    {COLUMNS.map(({ key, label, of, text }) => {
      const n = of(totals);
      return (
        <td key={key} data-label={label} {...(n === 0 && { class: 'zero' })}>
          {text(n)}
        </td>
      );
    })}
  </>
);

function PairRow({ pair, isChosen, choose }: { pair: PairStats; isChosen: boolean; choose: PairTableProps['choose'] }) {
  const { probe, category } = pair;
  if (typeof probe !== 'string' || typeof category !== 'string') {
    return (
      <tr>
        <th scope="row" title="Each day, the first 1,000 pairs have numbers of their own">
          All other pairs
        </th>
        <Numbers of={pair} />
        <td class="none" />
      </tr>
    );
  }
  return (
    <tr {...(isChosen && { class: 'chosen' })}>
      <th scope="row">
        <a href={toAlertsOf(probe, category)} class="subject">
          <Pair probe={probe} category={category} />
        </a>
      </th>
      <Numbers of={pair} />
      <td class="try">
        <button
          type="button"
          aria-label={`Try a window for ${brief(probe, 30)} / ${brief(category, 30)}`}
          aria-pressed={isChosen}
          onClick={() => choose(probe, category)}
        >
          Try a window
        </button>
      </td>
    </tr>
  );
}
