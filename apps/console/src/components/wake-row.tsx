/** One alert in two lines: the alert itself, and the result of its investigation. */
import type { Investigation } from '../api/types.ts';
import { finding, OUTCOME_LABELS, outcomeOf, STATE_LABELS } from '../labels.ts';
import { toInvestigation } from '../route.ts';
import { OutcomeMark, RecoveredMark, RepeatCount, Severity } from './outcome.tsx';
import { Pair } from './pair.tsx';
import { Money, When } from './values.tsx';

export function WakeRow({ entry }: { entry: Investigation }) {
  const outcome = outcomeOf(entry);
  const text = finding(entry);
  return (
    <li class={`wake ${outcome}`}>
      <OutcomeMark outcome={outcome} labelled />
      <a href={toInvestigation(entry.wakeId)} class="subject">
        <Pair probe={entry.probe} category={entry.category} />
        <span class="title" title={entry.title}>
          {entry.title || '(no title)'}
        </span>
      </a>
      <span class="marks">
        <RecoveredMark entry={entry} />
        <RepeatCount entry={entry} />
        <Severity of={entry.severity} />
      </span>
      <span class="when">
        <When at={entry.enqueuedAt} withAge />
      </span>
      <span class="finding" title={text}>
        {entry.verdict && <b>{entry.verdict}: </b>}
        {text}
      </span>
      <span class="cost">
        <OutcomeTag entry={entry} />
        {entry.costUsd !== null && <Money amount={entry.costUsd} />}
      </span>
    </li>
  );
}

/** The outcome in words, unless the row shows it already: a row with a diagnosis may still be unsent. */
function OutcomeTag({ entry }: { entry: Investigation }) {
  const outcome = outcomeOf(entry);
  const unsent = outcome === 'not_sent' || outcome === 'in_progress';
  if (outcome !== 'dry_run' && !(unsent && entry.summary !== null)) return null;
  const label = outcome === 'in_progress' ? STATE_LABELS[entry.state] : OUTCOME_LABELS[outcome];
  return <span class={`tag ${outcome}`}>{label.toLowerCase()}</span>;
}
