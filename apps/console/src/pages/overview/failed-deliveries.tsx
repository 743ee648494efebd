import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import type { DeadLetters } from '../../api/types.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { FailedDeliveryRow } from './failed-delivery-row.tsx';

/** The dead letters: alerts that were never delivered. */
export function FailedDeliveries({ state }: { state: ResourceState<DeadLetters> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [shown, more] = useShowMore(state.data?.entries ?? [], 3, 'failed deliveries');
  return (
    <Panel id="failed" title="Failed deliveries" hint="you did not get these" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      <ul class="failed-deliveries">
        {shown.map((letter) => (
          <FailedDeliveryRow key={`${letter.queue}\n${letter.jobId}`} letter={letter} notify={setNotice} />
        ))}
      </ul>
      {more}
    </Panel>
  );
}
