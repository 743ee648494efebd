/** The search field, the period, and the other filters of the page. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { PERIODS } from '../../api/types.ts';
import { exactTime, localInput, time } from '../../format.ts';
import { OUTCOME_LABELS, outcomeOf, VERDICT_LABELS } from '../../labels.ts';
import { type Filter, hasFilter, hasSpan, NO_FILTER, PERIOD_LABELS, periodOf } from './filter.ts';

interface FilterProps {
  filter: Filter;
  probes: string[];
}

/** Time after the last key at which a typed text is searched, ms. */
const TYPING_MS = 300;
const SEVERITIES = ['critical', 'warning', 'info'];
const VERDICTS = Object.keys(VERDICT_LABELS);

export function FilterBar({ filter, probes }: FilterProps) {
  const isMore = hasSpan(filter) || FIELD_NAMES.some((name) => filter.get(name) !== '');
  return (
    <search class="filters">
      <div class="toolbar">
        <h1>Investigations</h1>
        <Typed filter={filter} name="q" label="Search" type="search" placeholder="text, name or id" isMain />
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
          <Typed filter={filter} name="probe" label="Probe" placeholder="all" list="probes" />
          <Typed filter={filter} name="category" label="Category" placeholder="all" />
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

const FIELD_NAMES = ['probe', 'category', 'severity', 'outcome', 'verdict'] as const;

/** Values of the API with the label of the console. */
const OUTCOME_OPTIONS: [string, string][] = [
  ...(['diagnosis', 'fallback', 'unchanged', 'digest', 'joined', 'withdrawn', 'dry_run', 'dead'] as const).map(
    (outcome): [string, string] => [outcome, OUTCOME_LABELS[outcomeOf({ outcome })]],
  ),
  ['pending', OUTCOME_LABELS.in_progress],
];

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

/** A text that is searched soon after the last key. */
function Typed({
  filter,
  name,
  label,
  isMain = false,
  ...input
}: FieldProps<'q' | 'probe' | 'category'> & JSX.IntrinsicElements['input'] & { isMain?: boolean }) {
  const value = filter.get(name);
  const [typed, setTyped] = useState(value);
  // Back, a link or a click on a lane changes the value elsewhere.
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => filter.set({ [name]: typed }, { replace: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <form
      class={isMain ? 'field main-search' : 'field'}
      onSubmit={(event) => {
        event.preventDefault();
        filter.set({ [name]: typed });
      }}
    >
      <label for={`filter-${name}`}>{label}</label>
      <input
        {...input}
        id={`filter-${name}`}
        {...(isMain && { 'data-search': '' })}
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </form>
  );
}

/** A value that is not among the options came with the address, and is shown too. */
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
