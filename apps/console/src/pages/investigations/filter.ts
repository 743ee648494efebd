/** Which alerts the page shows. The address has every choice, so a reload, Back and a link keep them. */
import { PERIODS, type Period } from '../../api/types.ts';
import { type Query, useQuery } from '../../query.ts';

export const PERIOD_LABELS: Record<Period, string> = { '24h': '24 hours', '7d': '7 days', all: '35 days' };

/** Choices that the API takes under the same name. Empty: no limit. */
const FILTERS = ['q', 'probe', 'category', 'severity', 'outcome', 'verdict'] as const;

export type Filter = Query<(typeof FILTERS)[number] | 'window' | 'from' | 'to'>;

export const useFilter = (): Filter => useQuery({ ...NO_FILTER, window: '24h', from: '', to: '' });

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
    const value = filter.get(name).trim();
    if (value !== '') query.set(name, value);
  }
  return query.toString();
}

export const hasFilter = (filter: Filter): boolean => FILTERS.some((name) => filter.get(name).trim() !== '');

export const NO_FILTER = { q: '', probe: '', category: '', severity: '', outcome: '', verdict: '' };
