import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { Source, Tailer } from '../../api/types.ts';
import { ConfirmButton } from '../../components/confirm-button.tsx';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { Ago } from '../../components/values.tsx';
import { brief, bytes, count, exactTime, withoutStop } from '../../format.ts';

/** The tailer: which logs it watches, and how far it has read. */
export function LogWatcher({ state }: { state: ResourceState<Tailer> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const sources = state.data?.sources ?? [];
  const forget = async (source: Source, reason: string) => setNotice(await forgetLog(source, reason));
  return (
    <Panel id="tailer" title="Log watcher" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      {sources.length === 0 ? (
        <Empty>No log has been watched yet. Start the tailer.</Empty>
      ) : (
        <ul class="sources">
          {sources.map((source) => (
            <SourceRow key={source.id} source={source} forget={(reason) => forget(source, reason)} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

async function forgetLog({ id, path }: Source, reason: string): Promise<NoticeContent> {
  const result = await api.forgetLog(id, reason);
  return result.ok
    ? { tone: 'good', text: `${brief(path)} is no longer listed.` }
    : { tone: 'bad', text: `${brief(path)} was not removed: ${withoutStop(result.fault.message)}.` };
}

interface SourceRowProps {
  source: Source;
  forget: (reason: string) => Promise<void>;
}

function SourceRow({ source, forget }: SourceRowProps) {
  const { path, name, lagBytes, lastRowAt, holder, offset, committedAt, missingSince } = source;
  return (
    <li>
      <b class="path" title={path}>
        <bdi>{path}</bdi>
        {name !== null && ` (${name})`}
      </b>
      <span class="detail" title={`At byte ${count(offset)}, saved ${exactTime(committedAt)}`}>
        {holder === null && <span class="wrong">down; </span>}
        {missingSince === null ? (
          lagText(lagBytes)
        ) : (
          <span class="wrong">
            does not exist since <Ago at={missingSince} />
          </span>
        )}
        {lastRowAt && (
          <>
            , last alert <Ago at={lastRowAt} />
          </>
        )}
      </span>
      {holder === null && (
        <ConfirmButton
          label="Remove"
          of={path}
          question={`Remove ${brief(path)} from this list? If it is watched again, only its new alerts are read.`}
          confirm="Remove"
          act={forget}
        />
      )}
    </li>
  );
}

/** @param lagBytes null: the API cannot read the file */
function lagText(lagBytes: number | null): string {
  if (lagBytes === null) return 'size unknown';
  return lagBytes === 0 ? 'read to the end' : `${bytes(lagBytes)} behind`;
}
