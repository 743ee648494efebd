/** Alerts on a timeline, and the same alerts as a list. */
import { useState } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import type { Investigation, Timeline as TimelineData } from '../api/types.ts';
import { Empty, Panel } from '../components/panel.tsx';
import { WakeRow } from '../components/wake-row.tsx';
import { counted } from '../format.ts';
import { ExportButtons } from './investigations/export.tsx';
import {
  apiQuery,
  type Filter,
  hasFilter,
  hasSpan,
  PERIOD_LABELS,
  periodOf,
  useFilter,
} from './investigations/filter.ts';
import { FilterBar } from './investigations/filter-bar.tsx';
import { Histogram } from './investigations/histogram.tsx';
import { BarLegend, Legend } from './investigations/legend.tsx';
import { NotSentThen } from './investigations/not-sent-then.tsx';
import { Timeline } from './investigations/timeline.tsx';

/** The most alerts that have a mark each. */
const MOST_MARKS = 100;

export function Investigations() {
  const filter = useFilter();
  const query = apiQuery(filter);
  const { state, entries, cursor, more, error, loading } = api.useInvestigations(query);
  const timeline = useResource(api.timeline(query));
  const probes = useProbes(entries);
  const isHistogram = (timeline.data?.wakes ?? 0) > MOST_MARKS;
  const isEmpty = state.data !== undefined && entries.length === 0 && cursor === null;
  return (
    <div class="investigations">
      <FilterBar filter={filter} probes={probes} />
      <Panel
        id="timeline"
        title="Timeline"
        hint={isHistogram ? <BarLegend /> : <Legend />}
        // The marks are those of the list.
        state={isHistogram || state.data ? timeline : state}
      >
        {isEmpty ? (
          <Empty>
            <EmptyText filter={filter} />
          </Empty>
        ) : (
          timeline.data && <Alerts data={timeline.data} {...{ entries, filter }} complete={cursor === null} />
        )}
      </Panel>
      {hasSpan(filter) && <NotSentThen filter={filter} />}
      {!isEmpty && (
        <Panel
          id="list"
          title="Alerts"
          hint={
            state.data &&
            `${counted(entries.length, 'alert')}${cursor === null ? '' : ', newest first; there are more'}`
          }
          state={state}
          tools={<ExportButtons query={query} />}
        >
          <ol class="wakes">
            {entries.map((entry) => (
              <WakeRow key={entry.wakeId} entry={entry} />
            ))}
          </ol>
          {entries.length === 0 && <Empty>No match among the newest alerts. Search the older ones too.</Empty>}
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

interface AlertsProps {
  data: TimelineData;
  entries: Investigation[];
  filter: Filter;
  complete: boolean;
}

function Alerts({ data, entries, filter, complete }: AlertsProps) {
  if (data.wakes > MOST_MARKS) return <Histogram data={data} zoom={(from, to) => filter.set({ from, to })} />;
  return (
    <Timeline
      {...{ entries, complete }}
      from={Date.parse(data.from)}
      to={Date.parse(data.to)}
      pick={(probe) => filter.set({ probe })}
    />
  );
}

function EmptyText({ filter }: { filter: Filter }) {
  if (hasFilter(filter)) return <>No alert matches these filters. Names must be exact; the search takes parts.</>;
  if (hasSpan(filter)) return <>No alerts in this time.</>;
  const period = periodOf(filter);
  if (period !== 'all') return <>No alerts in the last {PERIOD_LABELS[period]}.</>;
  return (
    <>
      No alerts yet. A new alert in the audit log appears here within two seconds. To write one:{' '}
      <code>npm run wake -- --probe fly --category down --title "Fly is down"</code>
    </>
  );
}

/** All probes since the page was opened: the filter must not remove the others from its own choices. */
function useProbes(entries: Investigation[]): string[] {
  const [seen] = useState(() => new Set<string>());
  for (const { probe } of entries) seen.add(probe);
  return [...seen].sort();
}
