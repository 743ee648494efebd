/** The setting to try: a window in minutes, and the number of alerts after which one is sent. Both are in the address. */
import type { BacktestPair } from '../../api/types.ts';
import type { NoiseQuery } from '../noise.tsx';

const WINDOWS: Array<{ minutes: string; label: string }> = [
  { minutes: 'now', label: 'As now' },
  { minutes: '10', label: '10 min' },
  { minutes: '30', label: '30 min' },
  { minutes: '60', label: '1 h' },
  { minutes: '120', label: '2 h' },
  { minutes: '240', label: '4 h' },
];

/** Minutes: a year. */
const MAX_MINUTES = 366 * 24 * 60;
const MAX_ALERTS = 1_000;

const wholeNumber = (text: string, min: number, max: number) => {
  const n = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return n >= min && n <= max ? n : undefined;
};

/** Undefined: nothing changes. */
export function changeOf(query: NoiseQuery): Pick<BacktestPair, 'windowMs' | 'consecutive'> | undefined {
  const minutes = wholeNumber(query.get('minutes'), 0, MAX_MINUTES);
  const consecutive = wholeNumber(query.get('alerts'), 1, MAX_ALERTS);
  if (minutes === undefined && consecutive === undefined) return undefined;
  return {
    ...(minutes !== undefined && { windowMs: minutes * 60_000 }),
    ...(consecutive !== undefined && { consecutive }),
  };
}

export function TrialForm({ query }: { query: NoiseQuery }) {
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
      <label>
        or minutes
        <input
          type="number"
          min={0}
          max={MAX_MINUTES}
          inputMode="numeric"
          value={minutes === 'now' ? '' : minutes}
          onInput={(event) => query.set({ minutes: event.currentTarget.value || 'now' }, { replace: true })}
        />
      </label>
      <label>
        Send after this number of alerts
        <input
          type="number"
          min={1}
          max={MAX_ALERTS}
          inputMode="numeric"
          placeholder="as now"
          value={query.get('alerts')}
          onInput={(event) => query.set({ alerts: event.currentTarget.value }, { replace: true })}
        />
      </label>
    </form>
  );
}
