/** One investigation: the row, what was looked at, what was found and on what grounds, and the DM. */
import type { ComponentChildren } from 'preact';
import type { OpenedInvestigation } from './contract.ts';
import * as api from './data.ts';
import { useResource } from './data.ts';
import { count, counted, plain } from './format.ts';
import { Empty, Money, Outcome, Panel, Severity, Took, When } from './parts.tsx';
import { reasonOf, STATES, VERDICTS, withoutDoubt } from './words.ts';

export function OneInvestigation({ wakeId }: { wakeId: string }) {
  const known = useResource(api.investigation(wakeId));
  const { data, fault } = known;
  if (!data && fault?.kind === 'not_found') {
    return (
      <div class="notice">
        <h1>This wake is not known</h1>
        <p>It never was, or it is older than what is kept (35 days). The audit log may still have its row.</p>
        <p>
          <a href="#/investigations">All investigations</a>
        </p>
      </div>
    );
  }
  return (
    <div class="one">
      <p class="back">
        <a href="#/investigations">← All investigations</a>
      </p>
      {data ? (
        <Opened entry={data} />
      ) : (
        <Panel id="reading" title="Investigation" known={known}>
          {null}
        </Panel>
      )}
    </div>
  );
}

function Opened({ entry }: { entry: OpenedInvestigation }) {
  return (
    <>
      <div class="heading">
        <h1>{plain(entry.title) || '(no title)'}</h1>
        <p>
          <Outcome entry={entry} />
          <span class="name">
            <b>{plain(entry.probe)}</b> / {plain(entry.category)}
          </span>
          <Severity of={entry.severity} />
          <When at={entry.enqueuedAt} withAge />
        </p>
      </div>
      <div class="columns">
        <div class="answers">
          <Report entry={entry} />
          <Looks entry={entry} />
          <Row entry={entry} />
        </div>
        <div class="rail">
          <Message entry={entry} />
          <Facts entry={entry} />
        </div>
      </div>
    </>
  );
}

function Report({ entry }: { entry: OpenedInvestigation }) {
  const { verdict, summary, code, evidence, droppedQuotes } = entry;
  return (
    <Panel id="report" title="What it found">
      {verdict && <p class={`verdict ${verdict}`}>{VERDICTS[verdict]}</p>}
      {summary !== null && <p class="summary">{withoutDoubt(summary)}</p>}
      {code !== null && (
        <p class="why">
          Not investigated: {reasonOf(code)}. <code title={code}>{code}</code>
        </p>
      )}
      {summary === null && code === null && (
        <Empty>{entry.outcome === null ? `Nothing yet. ${STATES[entry.state]}.` : 'No report was kept.'}</Empty>
      )}
      {evidence.length > 0 && (
        <>
          <h3>It rests on</h3>
          <ul class="evidence">
            {evidence.map(({ source, quote }) => (
              <li key={`${source}\n${quote}`}>
                <blockquote>{quote}</blockquote>
                <span class="source">{sourceName(entry, source)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {droppedQuotes > 0 && (
        <p class="fine">
          {counted(droppedQuotes, 'more quote')} {droppedQuotes === 1 ? 'was' : 'were'} dropped: nothing it had seen
          says so.
        </p>
      )}
    </Panel>
  );
}

function sourceName({ tools }: OpenedInvestigation, source: string): string {
  if (source === 'row') return 'the row';
  const tool = tools.find((one) => one.source === source);
  return tool ? `${source}, ${tool.name}` : source;
}

const STATUS = { ok: '', not_allowed: 'not allowed', execution_error: 'failed' };

/** Tool calls and questions to the engine, as bars on one scale. */
function Looks({ entry }: { entry: OpenedInvestigation }) {
  const { tools, calls } = entry;
  const longest = Math.max(1, ...tools.map((tool) => tool.durationMs), ...calls.map((call) => call.durationMs));
  return (
    <Panel
      id="looks"
      title="What it looked at"
      hint={`${counted(tools.length, 'tool call')}, ${counted(calls.length, 'question')} to the engine`}
    >
      {tools.length === 0 && calls.length === 0 ? (
        <Empty>Nothing: it was not investigated{entry.outcome === null ? ' yet' : ''}.</Empty>
      ) : (
        <table class="looks">
          <thead class="unseen">
            <tr>
              <th>What</th>
              <th>Result</th>
              <th>Duration</th>
            </tr>
          </thead>
          <tbody>
            {tools.map(({ source, name, status, durationMs, excType }) => (
              <Bar key={source} kind="tool" note={source} {...{ name, durationMs, longest }}>
                {status !== 'ok' && (
                  <span class="wrong" title={excType ?? ''}>
                    {STATUS[status]}
                    {excType && `, ${excType}`}
                  </span>
                )}
              </Bar>
            ))}
            {calls.map(({ route, model, durationMs, error }, i) => (
              <Bar key={i} kind="call" name={model} note={route} {...{ durationMs, longest }}>
                {error && <span class="wrong">{error}</span>}
              </Bar>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

interface BarProps {
  kind: 'tool' | 'call';
  name: string;
  note: string;
  durationMs: number;
  longest: number;
  children: ComponentChildren;
}

const Bar = ({ kind, name, note, durationMs, longest, children }: BarProps) => (
  <tr class={kind}>
    <th scope="row" title={`${name}, ${note}`}>
      {name} <span class="note">{note}</span>
    </th>
    <td class="result">{children || <span class="unseen">ok</span>}</td>
    <td class="took">
      <span class="bar" aria-hidden="true">
        <i style={{ width: `${Math.max(0.5, (durationMs / longest) * 100)}%` }} />
      </span>
      <Took ms={durationMs} />
    </td>
  </tr>
);

function Row({ entry }: { entry: OpenedInvestigation }) {
  const snapshot = Object.keys(entry.snapshotDetails).length > 0;
  return (
    <Panel id="row" title="The row">
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
        <Empty>The row has no detail.</Empty>
      )}
      {snapshot && (
        <pre tabIndex={0} aria-label="Snapshot">
          {JSON.stringify(entry.snapshotDetails, null, 2)}
        </pre>
      )}
    </Panel>
  );
}

const STATUSES: Record<string, string> = {
  sent: 'sent',
  failed_send: 'not accepted by Slack',
  engine_unavailable_fallback: 'sent, without a diagnosis',
  engine_unavailable_failed_send: 'not accepted by Slack, without a diagnosis',
};

/** Close to how it looks in Slack, so that one knows what the other person has read. */
function Message({ entry }: { entry: OpenedInvestigation }) {
  const { dm, posted, dmStatus, outcome } = entry;
  const hint = dmStatus === null ? undefined : (STATUSES[dmStatus] ?? dmStatus);
  return (
    <Panel id="dm" title="The DM" hint={outcome === 'dry_run' ? 'printed, not sent: no Slack token is set' : hint}>
      {dm === null ? (
        <Empty>{outcome === null ? 'Not written yet.' : 'None was kept.'}</Empty>
      ) : (
        <div class="slack">
          <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M4 18h6l3-9 5 15 3-10 2 4h5" />
          </svg>
          <div>
            <p class="sender">
              <b>Kora Wake</b> <span class="app">APP</span>{' '}
              {posted && Number(posted.ts) > 0 && <When at={new Date(Number(posted.ts) * 1000).toISOString()} />}
            </p>
            <p class="text">{dm}</p>
          </div>
        </div>
      )}
    </Panel>
  );
}

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    {typeof children === 'string' && children.length > 300 ? (
      <dd class="much" tabIndex={0}>
        {children}
      </dd>
    ) : (
      <dd>{children}</dd>
    )}
  </div>
);

function Facts({ entry }: { entry: OpenedInvestigation }) {
  const { usage, costUsd, model, durationMs, outcomeAt, emittedAt, suppressed, lastSuppressedAt, posted } = entry;
  const waited = outcomeAt === null ? null : Date.parse(outcomeAt) - Date.parse(entry.enqueuedAt);
  return (
    <Panel id="facts" title="What it took">
      <dl class="facts">
        <Fact name="Cost">{costUsd === null ? 'nothing' : <Money amount={costUsd} />}</Fact>
        {durationMs !== null && (
          <Fact name="Investigated for">
            <Took ms={durationMs} />
          </Fact>
        )}
        {waited !== null && (
          <Fact name="From queue to end">
            <Took ms={Math.max(0, waited)} />
          </Fact>
        )}
        {model && <Fact name="Model">{model}</Fact>}
        {usage && (
          <Fact name="Tokens">
            <span
              title={`${count(usage.cacheReadInputTokens)} read from the cache, ${count(usage.cacheCreationInputTokens)} written to it`}
            >
              {count(usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens)} in,{' '}
              {count(usage.outputTokens)} out
            </span>
          </Fact>
        )}
        <Fact name="Held back since">
          {suppressed === 0 ? (
            'nothing'
          ) : (
            <>
              {counted(suppressed, 'repeat')}
              {lastSuppressedAt && (
                <>
                  , last <When at={lastSuppressedAt} />
                </>
              )}
            </>
          )}
        </Fact>
        {emittedAt && (
          <Fact name="Emitted">
            <When at={emittedAt} />
          </Fact>
        )}
        <Fact name="Enqueued">
          <When at={entry.enqueuedAt} />
        </Fact>
        {outcomeAt && (
          <Fact name="Ended">
            <When at={outcomeAt} />
          </Fact>
        )}
        {posted && (
          <Fact name="In Slack">
            <code>
              {posted.channel} {posted.ts}
            </code>
          </Fact>
        )}
        <Fact name="Wake">
          <code>{entry.wakeId}</code>
        </Fact>
      </dl>
    </Panel>
  );
}
