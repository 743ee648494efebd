/** The open suppression windows explain why an alert was not sent. */
import { useRef, useState } from 'preact/hooks';
import { type ResourceState, useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { OpenWindow, OpenWindows } from '../../api/types.ts';
import { ConfirmButton } from '../../components/confirm-button.tsx';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { brief, count, counted, withoutStop } from '../../format.ts';
import { WindowRow } from './window-row.tsx';
import { WindowSearch } from './window-search.tsx';

/** The API has at most this many windows on one page. */
const MOST = 500;
/** Number of windows from which on a search helps. */
const SEARCH_FROM = 6;
/** Most probes with a button of their own. */
const MOST_PROBES = 3;

export function SuppressionWindows({ state: firstPage }: { state: ResourceState<OpenWindows> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const [part, setPart] = useState('');
  const [limit, setLimit] = useState(api.WINDOWS_STEP);
  const find = (next: string) => {
    setPart(next);
    setLimit(api.WINDOWS_STEP);
  };
  const state = useLastOf(part, useResource(api.windowsWith(part, limit)));
  const { entries = [], nextCursor = null, open = 0, suppressed = 0 } = state.data ?? {};
  const [shown, more] = useShowMore(entries, 6, 'windows', open);
  const probes = sharedProbes(entries);
  const areAllShown = shown.length === entries.length;
  const end = async (entry: OpenWindow, reason: string) => setNotice(await endWindow(entry, reason));
  return (
    <Panel
      id="windows"
      title="Suppression windows"
      hint="repeats are counted, not sent, until the timer ends"
      state={state}
    >
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {(open > SEARCH_FROM || firstPage.data?.nextCursor || part !== '') && <WindowSearch part={part} find={find} />}
      {part !== '' && open > 0 && (
        <p class="fine">
          {counted(suppressed, 'repeat')} suppressed in {counted(open, 'window')} with {brief(part)} in the name.
        </p>
      )}
      {entries.length === 0 ? (
        <Empty>{emptyText(part, state)}</Empty>
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
      {areAllShown && nextCursor !== null && limit < MOST && (
        <button type="button" class="more" onClick={() => setLimit(limit + api.WINDOWS_STEP)}>
          Show {api.WINDOWS_STEP} more windows
        </button>
      )}
      {more}
      {probes.map((probe) => (
        <ConfirmButton
          key={probe}
          label={`End all of ${brief(probe)}`}
          of={probe}
          question={`End all suppression windows of ${brief(probe)}? The next alert of each category is sent.`}
          confirm="End all"
          act={async (reason) => setNotice(await endAllOf(probe, reason))}
        />
      ))}
      {areAllShown && nextCursor !== null && limit >= MOST && (
        <p class="fine">
          These are the {count(entries.length)} windows with the most repeats, of {count(open)}. Search for a name to
          find others.
        </p>
      )}
    </Panel>
  );
}

/** Keeps the last answer while a longer page of the same search is loading. */
function useLastOf(part: string, state: ResourceState<OpenWindows>): ResourceState<OpenWindows> {
  const last = useRef({ part, state });
  const isLoading = state.data === undefined && state.fault === undefined;
  if (!isLoading || last.current.part !== part) last.current = { part, state };
  return last.current.state;
}

function emptyText(part: string, { data, fault }: ResourceState<OpenWindows>): string {
  if (part !== '') return `No open suppression window has ${brief(part)} in its probe or category.`;
  // Old data must not promise that the next alert is sent.
  if (fault) return 'No suppression window was open at the last successful update.';
  if (data && data.open > 0) return 'The open suppression windows cannot be shown.';
  return 'Nothing is suppressed. The next alert of any probe is investigated and sent.';
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

/** Probes that have several of the windows. */
function sharedProbes(entries: OpenWindow[]): string[] {
  const all = [...Map.groupBy(entries, ({ probe }) => probe)].filter(([, windows]) => windows.length > 1);
  return all.map(([probe]) => probe).slice(0, MOST_PROBES);
}

async function endAllOf(probe: string, reason: string): Promise<NoticeContent> {
  const result = await api.endWindowsOf(probe, reason);
  if (result.ok) {
    return { tone: 'good', text: `${counted(result.body.cleared, 'window')} of ${brief(probe)} ended.` };
  }
  return { tone: 'bad', text: `The windows of ${brief(probe)} were not ended: ${withoutStop(result.fault.message)}.` };
}
