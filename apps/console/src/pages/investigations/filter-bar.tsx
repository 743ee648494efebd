/** The search field, the period, and the other filters of the page. */
import { PERIODS } from '../../api/types.ts';
import { Typed } from '../../components/typed.tsx';
import { exactTime, localInput, time } from '../../format.ts';
import { OUTCOME_OPTIONS, SEVERITIES, VERDICT_LABELS } from '../../labels.ts';
import { type Filter, hasFilter, hasSpan, NO_FILTER, PERIOD_LABELS, periodOf } from './filter.ts';

interface FilterProps {
  filter: Filter;
  probes: string[];
}

const VERDICTS = Object.keys(VERDICT_LABELS);

export function FilterBar({ filter, probes }: FilterProps) {
  const isMore = hasSpan(filter) || FIELD_NAMES.some((name) => filter.get(name) !== '');
  return (
    <search class="filters">
      <div class="toolbar">
        <h1>Investigations</h1>
        <Typed {...typed(filter, 'q')} label="Search" type="search" placeholder="text, name or id" isMain />
        <PeriodFilter filter={filter} />
        {(hasFilter(filter) || hasSpan(filter)) && (
          <button type="button" class="quiet" onClick={() => filter.set({ ...NO_FILTER, from: '', to: '' })}>
            Clear filters
          </button>
        )}
      </div>
      <details class="more-filters" open={isMore}>
        <summary>Filters</summary>
        <div class="fields">
          <Typed {...typed(filter, 'probe')} label="Probe" placeholder="all" list="probes" />
          <Typed {...typed(filter, 'category')} label="Category" placeholder="all" />
          <Choice filter={filter} name="severity" label="Severity" options={SEVERITIES.map((name) => [name, name])} />
          <Choice filter={filter} name="outcome" label="Outcome" options={OUTCOME_OPTIONS} />
          <Choice filter={filter} name="verdict" label="Verdict" options={VERDICTS.map((name) => [name, name])} />
          <Moment filter={filter} name="from" label="From" />
          <Moment filter={filter} name="to" label="To" />
        </div>
        <datalist id="probes">
          {probes.map((probe) => (
            <option key={probe} value={probe} />
          ))}
        </datalist>
      </details>
      {hasSpan(filter) && <Span filter={filter} />}
    </search>
  );
}

const typed = (filter: Filter, name: 'q' | 'probe' | 'category') => ({
  id: `filter-${name}`,
  value: filter.get(name),
  change: (text: string, options?: { replace: boolean }) => filter.set({ [name]: text }, options),
});

const FIELD_NAMES = ['probe', 'category', 'severity', 'outcome', 'verdict'] as const;

const PeriodFilter = ({ filter }: { filter: Filter }) => (
  <div class="segments" role="group" aria-label="Period">
    {PERIODS.map((period) => (
      <button
        key={period}
        type="button"
        aria-pressed={!hasSpan(filter) && period === periodOf(filter)}
        onClick={() => filter.set({ window: period, from: '', to: '' })}
      >
        {PERIOD_LABELS[period]}
      </button>
    ))}
  </div>
);

interface FieldProps<K> {
  filter: Filter;
  name: K;
  label: string;
}

/** A severity that is not among the options came with the address, and is shown too. */
function Choice({
  filter,
  name,
  label,
  options,
}: FieldProps<'severity' | 'outcome' | 'verdict'> & { options: [string, string][] }) {
  const value = filter.get(name);
  const isOther = value !== '' && !options.some(([option]) => option === value);
  return (
    <div class="field">
      <label for={`filter-${name}`}>{label}</label>
      <select
        id={`filter-${name}`}
        value={value}
        onChange={(event) => filter.set({ [name]: event.currentTarget.value })}
      >
        <option value="">all</option>
        {[...options, ...(isOther ? [[value, value] as const] : [])].map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A time in the time zone of the page. The address has it in UTC, so a link means the same everywhere. */
function Moment({ filter, name, label }: FieldProps<'from' | 'to'>) {
  return (
    <div class="field">
      <label for={`filter-${name}`}>{label}</label>
      <input
        id={`filter-${name}`}
        type="datetime-local"
        value={localInput.format(filter.get(name))}
        onChange={(event) => filter.set({ [name]: localInput.parse(event.currentTarget.value) })}
      />
    </div>
  );
}

function Span({ filter }: { filter: Filter }) {
  const [from, to] = [filter.get('from'), filter.get('to')];
  return (
    <p class="span">
      {from !== '' && (
        <>
          from <time title={exactTime(from)}>{time(Date.parse(from), Date.now())}</time>{' '}
        </>
      )}
      {to !== '' && (
        <>
          to <time title={exactTime(to)}>{time(Date.parse(to), Date.now())}</time>{' '}
        </>
      )}
      <button type="button" class="quiet" onClick={() => filter.set({ from: '', to: '' })}>
        Show {PERIOD_LABELS[periodOf(filter)].toLowerCase()} again
      </button>
    </p>
  );
}
