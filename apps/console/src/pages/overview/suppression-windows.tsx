/** The open suppression windows explain why an alert was not sent. */
import { useState } from 'preact/hooks';
import { type ResourceState, useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { OpenWindow, OpenWindows } from '../../api/types.ts';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { brief, count, counted, withoutStop } from '../../format.ts';
import { WindowRow } from './window-row.tsx';
import { WindowSearch } from './window-search.tsx';

export function SuppressionWindows({ state: firstPage }: { state: ResourceState<OpenWindows> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [probe, setProbe] = useState('');
  const found = useResource(probe === '' ? api.windows : api.windowsOf(probe));
  const state = probe === '' ? firstPage : found;
  // Windows with the most repeats explain the most missing messages, so they come first.
  const all = (state.data?.entries ?? []).toSorted(
    (a, b) => b.suppressed - a.suppressed || b.openedAt.localeCompare(a.openedAt),
  );
  const [shown, more] = useShowMore(all, 6, 'windows');
  const end = async (entry: OpenWindow, reason: string) => setNotice(await endWindow(entry, reason));
  return (
    <Panel
      id="windows"
      title="Suppression windows"
      hint="repeats are counted, not sent, until the timer ends"
      state={state}
    >
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {(firstPage.data?.nextCursor || probe !== '') && <WindowSearch probe={probe} find={setProbe} />}
      {all.length === 0 ? (
        <Empty>
          {probe === ''
            ? 'Nothing is suppressed. The next alert of any probe is investigated and sent.'
            : `No suppression window of ${brief(probe)} is open. Enter the exact name of the probe.`}
        </Empty>
      ) : (
        <ul class="windows">
          {shown.map((entry) => (
            <WindowRow
              key={`${entry.probe}\n${entry.category}`}
              entry={entry}
              readAt={state.at ?? 0}
              end={(reason) => end(entry, reason)}
            />
          ))}
        </ul>
      )}
      {more}
      {state.data?.nextCursor && (
        <p class="fine">These are the first {count(all.length)} windows. Search for a probe to find others.</p>
      )}
    </Panel>
  );
}

async function endWindow({ probe, category, suppressed }: OpenWindow, reason: string): Promise<NoticeContent> {
  const name = `${brief(probe)} / ${brief(category)}`;
  const result = await api.endWindow(probe, category, reason);
  if (!result.ok) {
    return { tone: 'bad', text: `Suppression of ${name} was not ended: ${withoutStop(result.fault.message)}.` };
  }
  const next = 'The next alert is sent.';
  if (result.body.cleared === 0) return { tone: 'good', text: `Suppression of ${name} had already ended. ${next}` };
  const repeats = suppressed === 0 ? 'no repeats' : counted(suppressed, 'repeat');
  return { tone: 'good', text: `Suppression of ${name} ended after ${repeats}. ${next}` };
}
