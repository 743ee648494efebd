import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Hold } from '../../api/types.ts';
import { useNow } from '../../clock.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Panel } from '../../components/panel.tsx';
import { brief, time, withoutStop } from '../../format.ts';

const HOLD_S = 1_800;

/** "I'm awake": for a time only the first critical alert of an incident is sent. */
export function HoldPanel({ state }: { state: ResourceState<Hold> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [busy, setBusy] = useState(false);
  const mayChange = useMayChange();
  const now = useNow();
  const { until = null, by = null } = state.data ?? {};
  const change = async (request: () => ReturnType<typeof api.endHold>) => {
    setBusy(true);
    const result = await request();
    setBusy(false);
    setNotice(result.ok ? undefined : { tone: 'bad', text: `Not changed: ${withoutStop(result.fault.message)}.` });
  };
  return (
    <Panel id="hold" title="Hold" hint="only the first critical alert of an incident is sent" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      <div class="hold">
        {until === null ? (
          <span>Not held</span>
        ) : (
          <span>
            Held until {time(Date.parse(until), now)}
            {by !== null && ` by ${brief(by, 40)}`}
          </span>
        )}
        {mayChange && (
          <span class="actions">
            <button type="button" disabled={busy} onClick={() => void change(() => api.holdAll(HOLD_S))}>
              Hold all 30 min
            </button>
            {until !== null && (
              <button type="button" disabled={busy} onClick={() => void change(api.endHold)}>
                End hold
              </button>
            )}
          </span>
        )}
      </div>
    </Panel>
  );
}
