/** The period and the probe that the page is limited to. */
import { useState } from 'preact/hooks';
import { PERIODS, type Period } from '../../api/types.ts';

export const PERIOD_LABELS: Record<Period, string> = { '24h': '24 hours', '7d': '7 days', all: 'All' };

export interface Filter {
  period: Period;
  /** Empty: all probes. */
  probe: string;
}

interface FilterProps {
  filter: Filter;
  probes: string[];
  choose: (next: Partial<Filter>) => void;
}

export const PeriodFilter = ({ filter, choose }: Omit<FilterProps, 'probes'>) => (
  <div class="segments" role="group" aria-label="Period">
    {PERIODS.map((period) => (
      <button key={period} type="button" aria-pressed={period === filter.period} onClick={() => choose({ period })}>
        {PERIOD_LABELS[period]}
      </button>
    ))}
  </div>
);

/** The parent gives it the chosen probe as key, so the input starts anew after each choice. */
export function ProbeFilter({ filter, probes, choose }: FilterProps) {
  const [typed, setTyped] = useState(filter.probe);
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        choose({ probe: typed });
      }}
    >
      <label for="probe">Probe</label>
      <input
        id="probe"
        list="probes"
        autocomplete="off"
        spellcheck={false}
        placeholder="all probes"
        value={typed}
        onInput={(event) => {
          const { value } = event.currentTarget;
          setTyped(value);
          if (value === '' || probes.includes(value)) choose({ probe: value });
        }}
      />
      <datalist id="probes">
        {probes.map((probe) => (
          <option key={probe} value={probe} />
        ))}
      </datalist>
      {typed !== filter.probe && <button type="submit">Show</button>}
      {filter.probe !== '' && (
        <button type="button" class="quiet" onClick={() => choose({ probe: '' })}>
          All probes
        </button>
      )}
    </form>
  );
}
