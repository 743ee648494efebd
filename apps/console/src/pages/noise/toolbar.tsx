/** Period and search of the page of noise. Both are in the address. */
import type { NoiseQuery } from '../noise.tsx';

export const PERIODS = [
  { window: '24h', label: '24 hours', hours: 24 },
  { window: '7d', label: '7 days', hours: 7 * 24 },
  { window: '35d', label: '35 days', hours: 35 * 24 },
] as const;

export function NoiseToolbar({ query, window }: { query: NoiseQuery; window: string }) {
  return (
    <div class="toolbar">
      <h1>Noise</h1>
      <div class="segments" role="group" aria-label="Period">
        {PERIODS.map((period) => (
          <button
            key={period.window}
            type="button"
            aria-pressed={period.window === window}
            onClick={() => query.set({ window: period.window })}
          >
            {period.label}
          </button>
        ))}
      </div>
      <form class="filter" role="search" onSubmit={(event) => event.preventDefault()}>
        <label for="noise-name">Name</label>
        <input
          id="noise-name"
          data-search=""
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="part of a probe or category"
          value={query.get('q')}
          onInput={(event) => query.set({ q: event.currentTarget.value }, { replace: true })}
        />
      </form>
    </div>
  );
}
