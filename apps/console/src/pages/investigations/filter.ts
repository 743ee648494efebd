/** Which alerts the page shows. The address has every choice, so a reload, Back and a link keep them. */
import { PERIODS, type Period } from '../../api/types.ts';
import { searchText } from '../../components/typed.tsx';
import { OUTCOME_OPTIONS, VERDICT_LABELS } from '../../labels.ts';
import { type Query, useQuery } from '../../query.ts';

export const PERIOD_LABELS: Record<Period, string> = { '24h': '24 hours', '7d': '7 days', all: '35 days' };

/** Choices that the API takes under the same name. Empty: no limit. */
const FILTERS = ['q', 'probe', 'category', 'severity', 'outcome', 'verdict'] as const;

export type Filter = Query<(typeof FILTERS)[number] | 'window' | 'from' | 'to'>;

const OUTCOMES = OUTCOME_OPTIONS.map(([outcome]) => outcome);

/** An old or a mistyped address may have values that the API refuses. Those do not count. */
export const useFilter = (): Filter =>
  useQuery(
    { ...NO_FILTER, window: '24h', from: '', to: '' },
    {
      q: searchText,
      outcome: (given) => OUTCOMES.find((outcome) => outcome === given),
      verdict: (given) => Object.keys(VERDICT_LABELS).find((verdict) => verdict === given),
      from: moment,
      to: moment,
    },
  );

/** In the form of the API, which takes no year of more than four digits. */
function moment(given: string): string | undefined {
  const at = Date.parse(given);
  const iso = Number.isNaN(at) ? '' : new Date(at).toISOString();
  return /^\d{4}-/.test(iso) ? iso : undefined;
}

export const periodOf = (filter: Filter): Period => PERIODS.find((period) => period === filter.get('window')) ?? '24h';

/** Whether the page shows a span of time instead of a period until now. */
export const hasSpan = (filter: Filter): boolean => filter.get('from') !== '' || filter.get('to') !== '';

/** The choices as a query of the API, without the page. */
export function apiQuery(filter: Filter): string {
  const query = new URLSearchParams();
  if (hasSpan(filter)) {
    for (const name of ['from', 'to'] as const) if (filter.get(name) !== '') query.set(name, filter.get(name));
  } else query.set('window', periodOf(filter));
  for (const name of FILTERS) {
    // The names of a probe and a category are exact: blanks at their ends belong to them.
    const value = name === 'q' ? filter.get(name).trim() : filter.get(name);
    if (value !== '') query.set(name, value);
  }
  return query.toString();
}

export const hasFilter = (filter: Filter): boolean => FILTERS.some((name) => filter.get(name) !== '');

export const NO_FILTER = { q: '', probe: '', category: '', severity: '', outcome: '', verdict: '' };
