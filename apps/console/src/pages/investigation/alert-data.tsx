import type { InvestigationDetail } from '../../api/types.ts';
import { Fact } from '../../components/fact.tsx';
import { Empty, Panel } from '../../components/panel.tsx';

/** The alert as the probe wrote it. */
export function AlertData({ entry }: { entry: InvestigationDetail }) {
  const snapshot = Object.keys(entry.snapshotDetails).length > 0;
  return (
    <Panel id="alert-data" title="Alert data">
      <dl class="facts wide">
        <Fact name="Probe">{entry.probe}</Fact>
        <Fact name="Category">{entry.category}</Fact>
        <Fact name="Title">{entry.title}</Fact>
      </dl>
      {entry.detail ? (
        <pre tabIndex={0} aria-label="Detail">
          {entry.detail}
        </pre>
      ) : (
        <Empty>The alert has no detail.</Empty>
      )}
      {snapshot && (
        <pre tabIndex={0} aria-label="Snapshot">
          {JSON.stringify(entry.snapshotDetails, null, 2)}
        </pre>
      )}
    </Panel>
  );
}
