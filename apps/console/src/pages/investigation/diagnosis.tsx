/** The diagnosis with its verdict and the quotes that support it. */
import type { InvestigationDetail } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { When } from '../../components/values.tsx';
import { counted } from '../../format.ts';
import { codeLabel, STATE_LABELS, VERDICT_LABELS, withoutVerdict } from '../../labels.ts';
import { toInvestigation } from '../../route.ts';
import { type ShownQuote, stepOf } from './shown-quote.ts';

interface DiagnosisProps {
  entry: InvestigationDetail;
  /** Shows a quote in its step. */
  show: (shown: ShownQuote) => void;
}

export function Diagnosis({ entry, show }: DiagnosisProps) {
  const { verdict, summary, code, evidence, droppedQuotes, repeats, stormId } = entry;
  const leader = stormId?.replace(/^s-/, 'w-');
  return (
    <Panel id="diagnosis" title="Diagnosis">
      {repeats && (
        <p class="why repeats">
          Not investigated: nothing has changed since <a href={toInvestigation(repeats.wakeId)}>an earlier alert</a> of
          this incident. Its diagnosis of <When at={repeats.at} /> is repeated.
        </p>
      )}
      {leader !== undefined && (
        <p class="why repeats">
          One digest names it with other alerts that came at the same time.{' '}
          {leader === entry.wakeId ? (
            'Its diagnosis is that of all of them.'
          ) : (
            <>
              They have one diagnosis, <a href={toInvestigation(leader)}>stored with this alert</a>.
            </>
          )}
        </p>
      )}
      {verdict && <p class={`verdict ${verdict}`}>{VERDICT_LABELS[verdict]}</p>}
      {summary !== null && <p class="summary">{withoutVerdict(summary)}</p>}
      {code !== null && (
        <p class="why">
          No diagnosis: {codeLabel(code)}. <code title={code}>{code}</code>
        </p>
      )}
      {summary === null && code === null && (leader === undefined || leader === entry.wakeId) && (
        <Empty>
          {entry.outcome === null ? `No diagnosis yet. ${STATE_LABELS[entry.state]}.` : 'The diagnosis was not stored.'}
        </Empty>
      )}
      {evidence.length > 0 && (
        <>
          <h3>Evidence</h3>
          <ul class="evidence">
            {evidence.map(({ source, quote }) => (
              <li key={`${source}\n${quote}`}>
                <blockquote>{quote}</blockquote>
                <span class="source">
                  {stepOf(entry.steps ?? [], source) < 0 ? (
                    sourceName(entry, source)
                  ) : (
                    <button
                      type="button"
                      class="quiet"
                      title="Show it in its step"
                      onClick={() => show({ source, quote })}
                    >
                      {sourceName(entry, source)}
                    </button>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {droppedQuotes > 0 && (
        <p class="fine">
          {counted(droppedQuotes, 'quote')} removed: the quoted text is not in the alert or in any tool result.
        </p>
      )}
    </Panel>
  );
}

function sourceName({ tools }: InvestigationDetail, source: string): string {
  if (source === 'row') return 'alert data';
  const tool = tools.find((one) => one.source === source);
  return tool ? `${source}, ${tool.name}` : source;
}
