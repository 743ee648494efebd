/** Alerts on a timeline with a lane for each probe, and the same alerts as a list. */
import { useState } from 'preact/hooks';
import type { Investigation } from '../api/types.ts';
import { Empty, Panel } from '../components/panel.tsx';
import { WakeRow } from '../components/wake-row.tsx';
import { brief, counted } from '../format.ts';
import { type Filter, PERIOD_LABELS, PeriodFilter, ProbeFilter } from './investigations/filter.tsx';
import { Legend } from './investigations/legend.tsx';
import { Timeline } from './investigations/timeline.tsx';
import { usePages } from './investigations/use-pages.ts';

/** Survives the page: an operator opens an investigation and comes back to the same list. */
let lastFilter: Filter = { period: '24h', probe: '' };

export function Investigations() {
  const [filter, setFilter] = useState(lastFilter);
  const choose = (next: Partial<Filter>) => {
    lastFilter = { ...filter, ...next };
    setFilter(lastFilter);
  };
  const query = `window=${filter.period}&limit=100${filter.probe && `&probe=${encodeURIComponent(filter.probe)}`}`;
  const { state, entries, cursor, more, error, loading } = usePages(query);
  const probes = useProbes(entries);
  return (
    <div class="investigations">
      <div class="toolbar">
        <h1>Investigations</h1>
        <PeriodFilter filter={filter} choose={choose} />
        <ProbeFilter filter={filter} probes={probes} choose={choose} />
      </div>
      <Panel id="timeline" title="Timeline" hint={<Legend />} state={state}>
        {entries.length === 0 ? (
          <Empty>{emptyText(filter)}</Empty>
        ) : (
          <Timeline
            entries={entries}
            period={filter.period}
            complete={cursor === null}
            pick={(probe) => choose({ probe })}
          />
        )}
      </Panel>
      {entries.length > 0 && (
        <Panel
          id="list"
          title="Alerts"
          hint={`${counted(entries.length, 'alert')}${cursor === null ? '' : ', newest first; there are more'}`}
        >
          <ol class="wakes">
            {entries.map((entry) => (
              <WakeRow key={entry.wakeId} entry={entry} />
            ))}
          </ol>
          <div role="status">{error && <p class="empty">Could not load older alerts: {error}</p>}</div>
          {cursor !== null && (
            <button type="button" class="more" disabled={loading} onClick={more}>
              {loading ? 'Loading…' : 'Show older alerts'}
            </button>
          )}
        </Panel>
      )}
    </div>
  );
}

function emptyText({ period, probe }: Filter): string {
  if (probe !== '') return `No alerts from ${brief(probe)} in this period. Enter the exact name of the probe.`;
  if (period === 'all') return 'No alerts yet. A new alert in the audit log appears here within two seconds.';
  return `No alerts in the last ${PERIOD_LABELS[period]}.`;
}

/** All probes since the page was opened: the filter must not remove the others from its own choices. */
function useProbes(entries: Investigation[]): string[] {
  const [seen] = useState(() => new Set<string>());
  for (const { probe } of entries) seen.add(probe);
  return [...seen].sort();
}
