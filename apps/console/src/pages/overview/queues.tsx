/** The two queues, with pause and resume. */
import { useState } from 'preact/hooks';
import type { ResourceState } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import { useMayChange } from '../../api/resources.ts';
import type { Queue, Queues as QueuesAnswer } from '../../api/types.ts';
import { ConfirmButton } from '../../components/confirm-button.tsx';
import { Notice, type NoticeContent } from '../../components/notice.tsx';
import { Panel } from '../../components/panel.tsx';
import { WaitingTime } from '../../components/values.tsx';
import { count, counted, withoutStop } from '../../format.ts';
import { queueEffect, queueLabel } from '../../labels.ts';

export function Queues({ state }: { state: ResourceState<QueuesAnswer> }) {
  const [notice, setNotice] = useState<NoticeContent>();
  const act = async (name: string, action: 'pause' | 'resume', reason = '') => {
    const result = await api.setQueue(name, action, reason);
    const label = queueLabel(name);
    if (!result.ok) setNotice({ tone: 'bad', text: `${label}: not ${action}d, ${withoutStop(result.fault.message)}.` });
    else if (result.body.isPaused) setNotice({ tone: 'good', text: `${label} paused. Active jobs still finish.` });
    else setNotice({ tone: 'good', text: `${label} resumed.` });
  };
  return (
    <Panel id="queues" title="Queues" state={state}>
      <Notice notice={notice} dismiss={() => setNotice(undefined)} />
      <ul class="queues">
        {state.data?.queues.map((queue) => (
          <QueueRow key={queue.name} queue={queue} act={(action, reason) => act(queue.name, action, reason)} />
        ))}
      </ul>
    </Panel>
  );
}

interface QueueRowProps {
  queue: Queue;
  act: (action: 'pause' | 'resume', reason?: string) => Promise<void>;
}

function QueueRow({ queue, act }: QueueRowProps) {
  const mayChange = useMayChange();
  const { name, isPaused } = queue;
  const label = queueLabel(name);
  return (
    <li class={isPaused ? 'paused' : ''}>
      <b title={`queue ${name}`}>{label}</b>
      <span class="actions">
        {isPaused && mayChange && (
          <button type="button" class="primary" aria-label={`Resume: ${label}`} onClick={() => void act('resume')}>
            Resume
          </button>
        )}
        {!isPaused && (
          <ConfirmButton
            label="Pause"
            of={label}
            question={`Pause ${label}? Until you resume, ${queueEffect(name)}.`}
            confirm="Pause"
            act={(reason) => act('pause', reason)}
          />
        )}
      </span>
      <QueueDetail queue={queue} />
    </li>
  );
}

function QueueDetail({ queue: { isPaused, counts, workers, oldestWaitingMs } }: { queue: Queue }) {
  const waiting = counts.waiting + counts.prioritized + counts.delayed;
  return (
    <span class="detail" title={`${count(counts.completed)} completed, ${count(counts.delayed)} delayed`}>
      {isPaused ? 'paused, ' : ''}
      {count(counts.active)} active, {count(waiting)} waiting
      {oldestWaitingMs !== null && (
        <>
          {' '}
          for <WaitingTime ms={oldestWaitingMs} />
        </>
      )}
      {counts.failed > 0 && `, ${count(counts.failed)} failed`}
      {workers !== null && '; '}
      {workers !== null && (
        <span class={workers === 0 ? 'wrong' : ''}>{workers === 0 ? 'no worker' : counted(workers, 'worker')}</span>
      )}
    </span>
  );
}
