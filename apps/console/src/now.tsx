/** The first screen: what is going on, why one was (not) woken, what was found, what it costs. */
import { useState } from 'preact/hooks';
import { useNow } from './clock.ts';
import type {
  Account,
  Cleared,
  DeadLetter,
  Investigation,
  OpenWindow,
  Operation,
  Page,
  Queue,
  Queues,
  Tailer,
} from './contract.ts';
import * as api from './data.ts';
import { type Known, useMayChange, useResource } from './data.ts';
import { ago, brief, bytes, count, countdown, counted, exactTime, plain, span, within } from './format.ts';
import { Ladder, Spent } from './ladder.tsx';
import { Ago, Ask, Empty, escape, Mark, Pair, Panel, type Said, Saying, useSome, Waited, WakeRow } from './parts.tsx';
import { toInvestigation } from './route.ts';

export function Now() {
  const windows = useResource(api.windows);
  const queues = useResource(api.queues);
  const account = useResource(api.account);
  const tailer = useResource(api.tailer);
  const costs = useResource(api.costs);
  const dead = useResource(api.deadLetters);
  const latest = useResource(api.latest);
  const operations = useResource(api.operations);
  const troubles = troublesOf(queues.data, account.data, tailer.data, dead.data);
  if (costs.data?.rung === 'hard_stop_100') {
    troubles.push('The budget is spent, or too little of it is left: wakes are told without a diagnosis.');
  }
  return (
    <>
      <Headline troubles={troubles} {...{ windows, account, latest }} />
      <div class="now">
        <div class="answers">
          {dead.data && dead.data.entries.length > 0 && <DeadLetters known={dead} />}
          <Latest known={latest} />
          <Windows known={windows} />
        </div>
        <div class="rail">
          <Panel id="cost" title="Cost" hint={<a href="#/costs">by day and model</a>} known={costs}>
            {costs.data && (
              <>
                <Ladder costs={costs.data} />
                <Spent costs={costs.data} />
              </>
            )}
          </Panel>
          <QueuesPanel known={queues} />
          <TailerPanel known={tailer} />
          <AccountPanel known={account} />
          <OperationsPanel known={operations} />
          {dead.data && dead.data.entries.length === 0 && <p class="fine">No dead letters: nothing was left untold.</p>}
        </div>
      </div>
    </>
  );
}

/** A wake that has no end for so long is in trouble, ms. */
const LATE_MS = 5 * 60_000;

/** What must not wait, worst first. */
function troublesOf(queues?: Queues, account?: Account, tailer?: Tailer, dead?: Page<DeadLetter>): string[] {
  const troubles: string[] = [];
  if (account && account.unaccounted !== 0) {
    troubles.push(`${counted(account.unaccounted, 'wake')} cannot be accounted for.`);
  }
  if (account && account.oldestPendingMs > LATE_MS) {
    troubles.push(`A wake has waited for ${span(account.oldestPendingMs)}, and nobody was told of it yet.`);
  }
  for (const { name, isPaused, workers } of queues?.queues ?? []) {
    const effect = EFFECTS[name] ?? 'its jobs wait';
    if (isPaused) troubles.push(`The queue ${brief(name)} is paused: ${effect}.`);
    else if (workers === 0) troubles.push(`No worker takes from ${brief(name)}: ${effect}.`);
  }
  if (tailer?.sources.length === 0) troubles.push('Nobody follows a log: start a tailer.');
  for (const { path, holder } of tailer?.sources ?? []) {
    if (holder === null) troubles.push(`Nobody follows ${brief(path)}: new rows are not seen.`);
  }
  const untold = dead?.entries.length ?? 0;
  if (untold > 0) {
    troubles.push(
      `${count(untold)}${dead?.nextCursor ? ' or more wakes' : untold === 1 ? ' wake' : ' wakes'} could not be told.`,
    );
  }
  return troubles;
}

const EFFECTS: Record<string, string> = { wakes: 'nothing is investigated', deliveries: 'nobody is told' };

interface HeadlineProps {
  troubles: string[];
  windows: Known<Page<OpenWindow>>;
  account: Known<Account>;
  latest: Known<Page<Investigation>>;
}

function Headline({ troubles, windows, account, latest }: HeadlineProps) {
  const now = useNow();
  const { data } = account;
  const [last] = latest.data?.entries ?? [];
  const held = windows.data?.entries.reduce((sum, { suppressed }) => sum + suppressed, 0) ?? 0;
  const open = windows.data?.entries.length ?? 0;
  const title = !data
    ? 'Reading…'
    : data.inFlight > 0
      ? `${counted(data.inFlight, 'wake')} in flight`
      : troubles.length > 0
        ? 'Nothing in flight, but it needs you'
        : 'All quiet';
  return (
    <div class="headline">
      <h1 class={troubles.length > 0 ? 'troubled' : ''}>{title}</h1>
      {troubles.length > 0 && (
        <ul class="troubles" aria-label="What needs you">
          {troubles.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <p>
        {last && (
          <>
            Last wake <span title={exactTime(last.enqueuedAt)}>{ago(now - Date.parse(last.enqueuedAt))}</span>.{' '}
          </>
        )}
        {windows.data &&
          (open === 0
            ? 'No window is open: the next wake of any probe comes through.'
            : `${counted(held, 'repeat')} held back by ${windows.data.nextCursor ? 'these' : ''} ${counted(open, 'open window')}.`)}
      </p>
    </div>
  );
}

function Latest({ known }: { known: Known<Page<Investigation>> }) {
  const entries = known.data?.entries ?? [];
  return (
    <Panel
      id="latest"
      title="Latest wakes"
      hint="why you were woken, and what it found"
      known={known}
      tools={<a href="#/investigations">All investigations</a>}
    >
      {entries.length === 0 ? (
        <Empty>No wake yet. A row that a probe writes to the audit log shows here within a second or two.</Empty>
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

function Windows({ known: first }: { known: Known<Page<OpenWindow>> }) {
  const [said, say] = useState<Said>();
  const [probe, setProbe] = useState('');
  const found = useResource(probe === '' ? api.windows : api.windowsOf(probe));
  const known = probe === '' ? first : found;
  // Those that hold back the most are why somebody was not woken.
  const all = (known.data?.entries ?? []).toSorted(
    (a, b) => b.suppressed - a.suppressed || b.openedAt.localeCompare(a.openedAt),
  );
  const [some, more] = useSome(all, 6, 'windows');
  const clear = async ({ probe, category, suppressed }: OpenWindow, reason: string) => {
    const name = `${brief(probe)} / ${brief(category)}`;
    const result = await api.change<Cleared>('DELETE', ['debounce'], { query: { probe, category, reason } });
    if (result.ok && result.body.cleared > 0) {
      const held =
        suppressed === 0 ? 'It had held nothing back.' : `It had held ${counted(suppressed, 'repeat')} back.`;
      say({ tone: 'good', text: `Cleared ${name}: its next wake is investigated. ${held}` });
    } else if (result.ok) {
      say({ tone: 'good', text: `${name} was no longer open: its next wake is investigated.` });
    } else {
      say({ tone: 'bad', text: `${name} was not cleared: ${within(result.fault.message)}.` });
    }
  };
  return (
    <Panel
      id="windows"
      title="Open windows"
      hint="why you were not woken: repeats are held back until the time is up"
      known={known}
    >
      <Saying said={said} dismiss={() => say(undefined)} />
      {(first.data?.nextCursor || probe !== '') && <FindWindows probe={probe} find={setProbe} />}
      {all.length === 0 ? (
        <Empty>
          {probe === ''
            ? 'No window is open. The next wake of any probe is investigated and told.'
            : `No window of ${brief(probe)} is open. The name must be whole and exact.`}
        </Empty>
      ) : (
        <ul class="windows">
          {some.map((entry) => (
            <WindowRow
              key={`${entry.probe}\n${entry.category}`}
              entry={entry}
              readAt={known.at ?? 0}
              clear={(reason) => clear(entry, reason)}
            />
          ))}
        </ul>
      )}
      {more}
      {known.data?.nextCursor && <p class="fine">The first {count(all.length)} are shown; the API has them all.</p>}
    </Panel>
  );
}

/** More windows are open than one page holds: those of one probe are found by its name. */
function FindWindows({ probe, find }: { probe: string; find: (probe: string) => void }) {
  const [typed, setTyped] = useState(probe);
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        find(typed);
      }}
    >
      <label for="window-probe">Probe</label>
      <input
        id="window-probe"
        autocomplete="off"
        spellcheck={false}
        placeholder="all of them"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit">Find</button>
      {probe !== '' && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            setTyped('');
            find('');
          }}
        >
          All probes
        </button>
      )}
    </form>
  );
}

interface WindowRowProps {
  entry: OpenWindow;
  readAt: number;
  clear: (reason: string) => Promise<void>;
}

function WindowRow({ entry, readAt, clear }: WindowRowProps) {
  useNow();
  // By how long it was read ago: neither clock needs to be right.
  const left = Math.max(0, entry.remainingMs - (Date.now() - readAt));
  const whole = Date.parse(entry.expiresAt) - Date.parse(entry.openedAt);
  const share = whole > 0 ? Math.min(1, left / whole) : 0;
  return (
    <li>
      <a href={toInvestigation(entry.wakeId)} class="what">
        <Pair probe={entry.probe} category={entry.category} />
      </a>
      <span class="repeats">
        {entry.suppressed === 0 ? (
          <span class="none">nothing held back</span>
        ) : (
          <>
            <b>{count(entry.suppressed)}</b> held back
            {entry.lastSuppressedAt && (
              <span class="age">
                , last <Ago at={entry.lastSuppressedAt} />
              </span>
            )}
          </>
        )}
      </span>
      <span class="left" title={`Opened ${exactTime(entry.openedAt)}; ends ${exactTime(entry.expiresAt)}`}>
        <span class="bar" aria-hidden="true">
          <i style={{ width: `${share * 100}%` }} />
        </span>
        <span class="countdown">{left > 0 ? countdown(left) : 'ending'}</span>
      </span>
      <span class="act">
        <Ask
          label="Clear"
          of={`${brief(entry.probe)} / ${brief(entry.category)}`}
          question="Investigate its next wake?"
          yes="Yes, clear"
          act={clear}
        />
      </span>
    </li>
  );
}

function QueuesPanel({ known }: { known: Known<Queues> }) {
  const [said, say] = useState<Said>();
  const act = async (name: string, action: 'pause' | 'resume', reason = '') => {
    const path = ['queues', name, action];
    const result = await api.change<{ name: string; isPaused: boolean }>('POST', path, { query: { reason } });
    if (!result.ok) say({ tone: 'bad', text: `${brief(name)}: not ${action}d, ${within(result.fault.message)}.` });
    else if (result.body.isPaused) say({ tone: 'good', text: `${brief(name)} is paused; jobs in hand still end.` });
    else say({ tone: 'good', text: `${brief(name)} runs again.` });
  };
  return (
    <Panel id="queues" title="Queues" known={known}>
      <Saying said={said} dismiss={() => say(undefined)} />
      <ul class="queues">
        {known.data?.queues.map((queue) => (
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
  const { name, isPaused, counts, workers, oldestWaitingMs } = queue;
  const waiting = counts.waiting + counts.prioritized + counts.delayed;
  return (
    <li class={isPaused ? 'paused' : ''}>
      <b title={name}>{name}</b>
      <span class="act">
        {isPaused && mayChange && (
          <button
            type="button"
            class="primary"
            aria-label={`Resume: ${brief(name)}`}
            onClick={() => void act('resume')}
          >
            Resume
          </button>
        )}
        {!isPaused && (
          <Ask
            label="Pause"
            of={name}
            question={`Until resumed, ${EFFECTS[name] ?? 'its jobs wait'}.`}
            yes="Yes, pause"
            act={(reason) => act('pause', reason)}
          />
        )}
      </span>
      <span class="detail" title={`${count(counts.completed)} completed, ${count(counts.delayed)} delayed`}>
        {isPaused ? 'paused, ' : ''}
        {count(counts.active)} active, {count(waiting)} waiting
        {oldestWaitingMs !== null && (
          <>
            {' '}
            for <Waited ms={oldestWaitingMs} />
          </>
        )}
        {counts.failed > 0 && `, ${count(counts.failed)} failed`}
        {'; '}
        <span class={workers === 0 ? 'wrong' : ''}>{workers === 0 ? 'no worker' : counted(workers, 'worker')}</span>
      </span>
    </li>
  );
}

function TailerPanel({ known }: { known: Known<Tailer> }) {
  const sources = known.data?.sources ?? [];
  return (
    <Panel id="tailer" title="Audit log" known={known}>
      {sources.length === 0 ? (
        <Empty>No log was followed yet. Is a tailer running?</Empty>
      ) : (
        <ul class="sources">
          {sources.map(({ path, lagBytes, lastRowAt, holder, offset, committedAt }) => (
            <li key={path}>
              <b class="path" title={path}>
                <bdi>{path}</bdi>
              </b>
              <span class="detail" title={`At byte ${count(offset)}, committed ${exactTime(committedAt)}`}>
                {holder === null && <span class="wrong">followed by nobody; </span>}
                {lagBytes === null
                  ? 'its size is not known'
                  : lagBytes === 0
                    ? 'read to its end'
                    : `${bytes(lagBytes)} behind`}
                {lastRowAt && (
                  <>
                    , last row <Ago at={lastRowAt} />
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, n) => sum + n, 0);
const spelled = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, n]) => `${count(n)} ${brief(name)}`)
    .join(', ');

function AccountPanel({ known }: { known: Known<Account> }) {
  const { data } = known;
  return (
    <Panel
      id="account"
      title="Account"
      known={known}
      tools={
        data && (
          <span class={data.unaccounted === 0 ? 'unaccounted' : 'unaccounted wrong'}>
            unaccounted: <b>{count(data.unaccounted)}</b>
          </span>
        )
      }
    >
      {data && (
        <p class="sum">
          <span title={spelled(data.rejected)}>
            {count(data.rows)} rows = {count(data.enqueued)} enqueued + {count(data.coalesced)} held back +{' '}
            {count(total(data.rejected))} rejected
          </span>
          <br />
          <span>
            {count(data.enqueued)} enqueued = {count(data.outcomes.diagnosis)} diagnosed +{' '}
            {count(data.outcomes.fallback)} without + {count(data.outcomes.dry_run)} dry + {count(data.outcomes.dead)}{' '}
            dead + {count(data.inFlight)} in flight
          </span>
          {(data.unreadLines > 0 || total(data.repaired) > 0) && (
            <>
              <br />
              <span title={spelled(data.repaired)}>
                {counted(data.unreadLines, 'unread line')}, {count(total(data.repaired))} mended
              </span>
            </>
          )}
        </p>
      )}
    </Panel>
  );
}

/** The last few things that somebody changed. */
function OperationsPanel({ known }: { known: Known<{ entries: Operation[] }> }) {
  const [last, more] = useSome(known.data?.entries ?? [], 3, 'changes');
  if (last.length === 0) return null;
  return (
    <Panel id="operations" title="Changed by hand" known={known}>
      <ul class="operations">
        {last.map(({ at, what, by, reason, details }) => (
          <li key={`${at} ${what}`} title={JSON.stringify(details)}>
            {what.replaceAll('_', ' ')} {brief(subject(details))} <Ago at={at} /> by {by}
            {reason !== null && `: ${brief(reason)}`}
          </li>
        ))}
      </ul>
      {more}
    </Panel>
  );
}

function subject({ probe, category, queue, request }: Record<string, unknown>): string {
  return [probe, category, queue, request].filter((part) => typeof part === 'string').join(' / ');
}

function DeadLetters({ known }: { known: Known<Page<DeadLetter>> }) {
  const [said, say] = useState<Said>();
  const [some, more] = useSome(known.data?.entries ?? [], 3, 'dead letters');
  return (
    <Panel id="dead" title="Dead letters" hint="nobody was told of these" known={known}>
      <Saying said={said} dismiss={() => say(undefined)} />
      <ul class="dead">
        {some.map((letter) => (
          <DeadLetterRow key={`${letter.queue}\n${letter.jobId}`} letter={letter} say={say} />
        ))}
      </ul>
      {more}
    </Panel>
  );
}

const focus = (element: HTMLElement | null) => element?.focus();

function DeadLetterRow({ letter, say }: { letter: DeadLetter; say: (said: Said) => void }) {
  const mayChange = useMayChange();
  /** undefined until it was asked: only who came back from asking is put on the button again */
  const [dropping, setDropping] = useState<boolean>();
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  // A job that somebody put there by hand has no row to be named by.
  const [probe, category] = [letter.probe ?? letter.queue, letter.category ?? letter.jobId];
  const name = `${brief(probe)} / ${brief(category)}`;
  const what = (
    <>
      <Pair probe={probe} category={category} />
      <span class="title" title={letter.title ?? ''}>
        {plain(letter.title ?? '') || '(no title)'}
      </span>
    </>
  );
  const path = ['dead-letters', letter.queue, letter.jobId];
  const retry = async () => {
    setBusy(true);
    const result = await api.change('POST', [...path, 'retry']);
    setBusy(false);
    say(
      result.ok
        ? { tone: 'good', text: `${name} is tried again.` }
        : { tone: 'bad', text: `${name} was not tried again: ${within(result.fault.message)}.` },
    );
  };
  const drop = async () => {
    setBusy(true);
    const result = await api.change('DELETE', path, { body: { reason: reason.trim() } });
    setBusy(false);
    if (result.ok) setDropping(false);
    say(
      result.ok
        ? { tone: 'good', text: `${name} was dropped: ${brief(reason.trim(), 120)}. Nobody is told of it.` }
        : { tone: 'bad', text: `${name} was not dropped: ${within(result.fault.message)}.` },
    );
  };
  return (
    <li>
      <Mark fate="failed" />
      {letter.wakeId === null ? (
        <span class="what">{what}</span>
      ) : (
        <a href={toInvestigation(letter.wakeId)} class="what">
          {what}
        </a>
      )}
      <span class="detail" title={letter.reason}>
        <code>{letter.reason}</code> <Ago at={letter.failedAt} />
      </span>
      {!mayChange ? null : dropping ? (
        <form
          class="act"
          onKeyDown={escape(() => setDropping(false))}
          onSubmit={(event) => {
            event.preventDefault();
            void drop();
          }}
        >
          <input
            aria-label={`Why ${name} is dropped`}
            placeholder="Why? It is kept in the audit log"
            required
            maxLength={500}
            pattern=".*\S.*"
            ref={focus}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
          <button type="submit" class="danger" disabled={busy}>
            Drop
          </button>
          <button type="button" disabled={busy} onClick={() => setDropping(false)}>
            Keep
          </button>
        </form>
      ) : (
        <span class="act">
          <button type="button" disabled={busy} aria-label={`Retry: ${name}`} onClick={() => void retry()}>
            Retry
          </button>
          <button
            type="button"
            ref={dropping === false ? focus : null}
            disabled={busy}
            aria-label={`Drop: ${name}`}
            onClick={() => setDropping(true)}
          >
            Drop…
          </button>
        </span>
      )}
    </li>
  );
}
