import type { ResourceState } from '../../api/resource.ts';
import type { Investigations } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { WakeRow } from '../../components/wake-row.tsx';

export function LatestAlerts({ state }: { state: ResourceState<Investigations> }) {
  const entries = state.data?.entries ?? [];
  return (
    <Panel
      id="latest"
      title="Latest alerts"
      hint="with their diagnosis"
      state={state}
      tools={<a href="#/investigations">All investigations</a>}
    >
      {entries.length === 0 ? (
        <Empty>No alerts yet. New alerts appear here automatically.</Empty>
      ) : (
        <ol class="wakes">
          {entries.slice(0, 5).map((entry) => (
            <WakeRow key={entry.wakeId} entry={entry} />
          ))}
        </ol>
      )}
    </Panel>
  );
}
