/** The setting to try: a window in minutes, and the number of alerts after which one is sent. Both are in the address. */
import type { JSX } from 'preact';
import type { BacktestPair } from '../../api/types.ts';
import { count } from '../../format.ts';
import type { NoiseQuery } from '../noise.tsx';

const WINDOWS: Array<{ minutes: string; label: string }> = [
  { minutes: 'now', label: 'As now' },
  { minutes: '10', label: '10 min' },
  { minutes: '30', label: '30 min' },
  { minutes: '60', label: '1 h' },
  { minutes: '120', label: '2 h' },
  { minutes: '240', label: '4 h' },
];

/** Least and greatest value. Minutes: up to a year. */
const RANGES = { minutes: [0, 366 * 24 * 60], alerts: [1, 1_000] } as const;
type Field = keyof typeof RANGES;
/** Values that mean: as now. */
const AS_NOW = { minutes: 'now', alerts: '' };

/** A text for each field whose value cannot be tried. */
type Faults = { [F in Field]?: string };
type Change = Pick<BacktestPair, 'windowMs' | 'consecutive'>;
/** Without a change and without faults there is nothing to try. */
export type Setting = { change?: Change } | { faults: Faults };

export function settingOf(query: NoiseQuery): Setting {
  const [minutes, alerts] = [numberOf(query, 'minutes'), numberOf(query, 'alerts')];
  if (typeof minutes === 'string' || typeof alerts === 'string') {
    return {
      faults: {
        ...(typeof minutes === 'string' && { minutes }),
        ...(typeof alerts === 'string' && { alerts }),
      },
    };
  }
  if (minutes === undefined && alerts === undefined) return {};
  return {
    change: {
      ...(minutes !== undefined && { windowMs: minutes * 60_000 }),
      ...(alerts !== undefined && { consecutive: alerts }),
    },
  };
}

/** Undefined: as now. A text: why the value cannot be tried. */
function numberOf(query: NoiseQuery, field: Field): number | string | undefined {
  const text = query.get(field);
  if (text === AS_NOW[field]) return undefined;
  const [min, max] = RANGES[field];
  const n = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return n >= min && n <= max ? n : `Enter a whole number from ${min} to ${count(max)}.`;
}

export function TrialForm({ query, faults }: { query: NoiseQuery; faults: Faults }) {
  const minutes = query.get('minutes');
  return (
    <form class="trial-form" aria-label="Setting to try" onSubmit={(event) => event.preventDefault()}>
      <div class="segments" role="group" aria-label="Suppression window">
        {WINDOWS.map(({ minutes: value, label }) => (
          <button
            key={value}
            type="button"
            aria-pressed={value === minutes}
            onClick={() => query.set({ minutes: value })}
          >
            {label}
          </button>
        ))}
      </div>
      <NumberField
        id="trial-minutes"
        label="or minutes"
        range={RANGES.minutes}
        fault={faults.minutes}
        value={minutes === AS_NOW.minutes ? '' : minutes}
        onInput={(event) => query.set({ minutes: event.currentTarget.value || AS_NOW.minutes }, { replace: true })}
      />
      <NumberField
        id="trial-alerts"
        label="Send after this number of alerts"
        placeholder="as now"
        range={RANGES.alerts}
        fault={faults.alerts}
        value={query.get('alerts')}
        onInput={(event) => query.set({ alerts: event.currentTarget.value }, { replace: true })}
      />
    </form>
  );
}

type NumberFieldProps = Pick<JSX.IntrinsicElements['input'], 'placeholder' | 'value' | 'onInput'> & {
  id: string;
  label: string;
  range: readonly [min: number, max: number];
  fault: string | undefined;
};

const NumberField = ({ id, label, range: [min, max], fault, ...input }: NumberFieldProps) => (
  <div class="number-field">
    <label for={id}>{label}</label>
    <input
      {...input}
      id={id}
      type="number"
      min={min}
      max={max}
      inputMode="numeric"
      {...(fault !== undefined && { 'aria-invalid': true, 'aria-describedby': `${id}-fault` })}
    />
    {fault !== undefined && (
      <span id={`${id}-fault`} class="wrong">
        {fault}
      </span>
    )}
  </div>
);
