import type { InvestigationDetail } from '../../api/types.ts';
import { Fact } from '../../components/fact.tsx';
import { Panel } from '../../components/panel.tsx';
import { Duration, Money, When } from '../../components/values.tsx';
import { count, counted, tokens } from '../../format.ts';
import { toIncident } from '../../route.ts';

/** Cost, times and ids of an investigation. */
export function Details({ entry }: { entry: InvestigationDetail }) {
  const { usage, costUsd, model, durationMs, outcomeAt, emittedAt, suppressed, lastSuppressedAt, posted } = entry;
  const waited = outcomeAt === null ? null : Date.parse(outcomeAt) - Date.parse(entry.enqueuedAt);
  return (
    <Panel id="details" title="Details">
      <dl class="facts">
        <Fact name="Cost">
          {costUsd === null ? entry.calls.length > 0 ? 'price unknown' : 'none' : <Money amount={costUsd} />}
        </Fact>
        {durationMs !== null && !entry.repeats && (
          <Fact name="Investigation">
            <Duration ms={durationMs} />
          </Fact>
        )}
        {waited !== null && (
          <Fact name="Queued to done">
            <Duration ms={Math.max(0, waited)} />
          </Fact>
        )}
        {model && <Fact name="Model">{model}</Fact>}
        {usage && (
          <Fact name="Tokens">
            <span
              title={`${count(usage.cacheReadInputTokens)} read from the cache, ${count(usage.cacheCreationInputTokens)} written to it`}
            >
              {tokens(usage)}
            </span>
          </Fact>
        )}
        {entry.buffered > 0 && <Fact name="Counted before">{counted(entry.buffered, 'alert')}</Fact>}
        <Fact name="Suppressed">
          {suppressed === 0 ? (
            'no repeats'
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
          <Fact name="Written by probe">
            <When at={emittedAt} />
          </Fact>
        )}
        <Fact name="Queued">
          <When at={entry.enqueuedAt} />
        </Fact>
        {outcomeAt && (
          <Fact name="Done">
            <When at={outcomeAt} />
          </Fact>
        )}
        {entry.recoveredAt && (
          <Fact name="Recovered">
            <When at={entry.recoveredAt} />
          </Fact>
        )}
        {posted && (
          <Fact name="Slack message">
            <code>
              {posted.channel} {posted.ts}
            </code>
          </Fact>
        )}
        {entry.incidentId && (
          <Fact name="Incident">
            <a href={toIncident(entry.incidentId)}>{entry.incidentId}</a>
          </Fact>
        )}
        <Fact name="Alert id">
          <code>{entry.wakeId}</code>
        </Fact>
      </dl>
    </Panel>
  );
}
