import type { ResourceState } from '../../api/resource.ts';
import type { Source, Tailer } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { Ago } from '../../components/values.tsx';
import { bytes, count, exactTime } from '../../format.ts';

/** The tailer: which logs it watches, and how far it has read. */
export function LogWatcher({ state }: { state: ResourceState<Tailer> }) {
  const sources = state.data?.sources ?? [];
  return (
    <Panel id="tailer" title="Log watcher" state={state}>
      {sources.length === 0 ? (
        <Empty>No log has been watched yet. Start the tailer.</Empty>
      ) : (
        <ul class="sources">
          {sources.map((source) => (
            <SourceRow key={source.path} source={source} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

const SourceRow = ({ source: { path, lagBytes, lastRowAt, holder, offset, committedAt } }: { source: Source }) => (
  <li>
    <b class="path" title={path}>
      <bdi>{path}</bdi>
    </b>
    <span class="detail" title={`At byte ${count(offset)}, saved ${exactTime(committedAt)}`}>
      {holder === null && <span class="wrong">down; </span>}
      {lagText(lagBytes)}
      {lastRowAt && (
        <>
          , last alert <Ago at={lastRowAt} />
        </>
      )}
    </span>
  </li>
);

/** @param lagBytes null: the API cannot read the file */
function lagText(lagBytes: number | null): string {
  if (lagBytes === null) return 'size unknown';
  return lagBytes === 0 ? 'read to the end' : `${bytes(lagBytes)} behind`;
}
