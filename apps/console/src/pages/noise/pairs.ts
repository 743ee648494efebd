/** The numbers of each pair: columns, order and search. */
import type { StatsEntry, StatsTotals } from '../../api/types.ts';
import { count, usd } from '../../format.ts';

/** One row of the table. */
export type PairStats = StatsEntry;

interface Column {
  label: string;
  /** For the title of the column. */
  meaning: string;
  of: (totals: StatsTotals) => number;
  text: (n: number) => string;
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
const percent = (n: number) => `${Math.round(n * 100)} %`;

const NUMBERS = {
  rows: { label: 'Alerts', meaning: 'All alerts, also suppressed and muted ones', of: ({ rows }) => rows, text: count },
  wakes: {
    label: 'Not suppressed',
    meaning: 'Alerts that were not suppressed, muted or only counted. Most are sent',
    of: ({ wakes }) => wakes,
    text: count,
  },
  night: { label: 'At night', meaning: 'Not suppressed from 22 to 7', of: ({ night }) => night, text: count },
  suppressed: {
    label: 'Suppressed',
    meaning: 'Repeats inside a suppression window',
    of: ({ suppressed }) => suppressed,
    text: count,
  },
  undiagnosed: {
    label: 'No diagnosis',
    meaning: 'Share of the alerts that were sent without a diagnosis',
    of: ({ outcomes }) =>
      share(
        outcomes.fallback,
        Object.values(outcomes).reduce((sum, n) => sum + n, 0),
      ),
    text: percent,
  },
  unsent: {
    label: 'Not sent',
    meaning: 'Alerts whose delivery failed',
    of: ({ outcomes }) => outcomes.dead,
    text: count,
  },
  confirmed: {
    label: 'Confirmed',
    meaning: 'Diagnoses that quotes support',
    of: ({ verdicts }) => verdicts.confirmed,
    text: count,
  },
  likely: { label: 'Likely', meaning: 'Likely diagnoses', of: ({ verdicts }) => verdicts.likely, text: count },
  inconclusive: {
    label: 'Inconclusive',
    meaning: 'Inconclusive diagnoses',
    of: ({ verdicts }) => verdicts.inconclusive,
    text: count,
  },
  usd: { label: 'AI cost', meaning: 'Cost of the investigations, USD', of: ({ usd: cost }) => cost, text: usd },
} satisfies Record<string, Column>;

type NumberKey = keyof typeof NUMBERS;
export type SortKey = NumberKey | 'pair';

const isNumberKey = (key: string): key is NumberKey => Object.hasOwn(NUMBERS, key);

export const COLUMNS: Array<Column & { key: NumberKey }> = Object.entries(NUMBERS).flatMap(([key, column]) =>
  isNumberKey(key) ? [{ key, ...column }] : [],
);

export interface Order {
  key: SortKey;
  isUp: boolean;
}

/** Names go up and numbers go down, if nothing else is said. */
export function sortOf(given: string, direction: string): Order {
  const key = given === 'pair' || isNumberKey(given) ? given : 'wakes';
  return { key, isUp: direction === 'up' || (direction === '' && key === 'pair') };
}

const nameOf = ({ probe, category }: PairStats) => `${probe ?? '\uFFFF'} / ${category ?? ''}`;

export function sorted(pairs: PairStats[], { key, isUp }: Order): PairStats[] {
  const sign = isUp ? 1 : -1;
  const by =
    key === 'pair'
      ? (a: PairStats, b: PairStats) => nameOf(a).localeCompare(nameOf(b))
      : (a: PairStats, b: PairStats) => NUMBERS[key].of(a) - NUMBERS[key].of(b);
  return pairs.toSorted((a, b) => sign * by(a, b) || b.rows - a.rows);
}

export function matching(pairs: PairStats[], part: string): PairStats[] {
  const wanted = part.trim().toLowerCase();
  if (wanted === '') return pairs;
  return pairs.filter((pair) => isNamed(pair) && nameOf(pair).toLowerCase().includes(wanted));
}

/** False for the sum of all pairs that have no numbers of their own. */
export const isNamed = ({ probe, category }: Pick<PairStats, 'probe' | 'category'>) =>
  typeof probe === 'string' && typeof category === 'string';

/** The sums of some pairs, of which `first` is one. */
export const totalsOf = (first: StatsTotals, others: StatsTotals[]): StatsTotals => others.reduce(plus, first);

function plus(a: StatsTotals, b: StatsTotals): StatsTotals {
  return {
    rows: a.rows + b.rows,
    wakes: a.wakes + b.wakes,
    suppressed: a.suppressed + b.suppressed,
    buffered: a.buffered + b.buffered,
    muted: a.muted + b.muted,
    night: a.night + b.night,
    outcomes: plusEach(a.outcomes, b.outcomes),
    verdicts: plusEach(a.verdicts, b.verdicts),
    usd: a.usd + b.usd,
  };
}

function plusEach<K extends string>(a: Record<K, number>, b: Record<K, number>): Record<K, number> {
  const sum = { ...a };
  for (const key in b) sum[key] += b[key];
  return sum;
}
