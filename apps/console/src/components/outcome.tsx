/** The outcome of a wake as shape, colour and text. */
import type { ComponentChildren } from 'preact';
import type { Investigation } from '../api/types.ts';
import { brief, count } from '../format.ts';
import { OUTCOME_LABELS, type Outcome, outcomeOf } from '../labels.ts';
import { When } from './values.tsx';

const SHAPES: Record<Outcome, ComponentChildren> = {
  sent: <circle class="solid" cx="8" cy="8" r="6" />,
  unchanged: <path class="solid" d="M2 2h12v12H2z" />,
  digest: <path class="solid" d="M2 2.5h12v3H2zm0 4h12v3H2zm0 4h12v3H2z" />,
  joined: <circle class="solid" cx="8" cy="8" r="3" />,
  withdrawn: <path class="line" d="M2.5 8.5 6.5 12.5 13.5 4" />,
  dry_run: <circle class="open" cx="8" cy="8" r="5" />,
  fallback: <path class="solid" d="M8 1.5 15 14H1z" />,
  not_sent: <path class="cross" d="M3 3 13 13M13 3 3 13" />,
  in_progress: <path class="open" d="M8 1.8 14.2 8 8 14.2 1.8 8z" />,
};

/** Each outcome has its own shape, so colour is never the only difference. */
export function OutcomeMark({ outcome, labelled = false }: { outcome: Outcome; labelled?: boolean }) {
  return (
    <svg
      class={`mark ${outcome}`}
      viewBox="0 0 16 16"
      width="14"
      height="14"
      {...(labelled ? { role: 'img', 'aria-label': OUTCOME_LABELS[outcome] } : { 'aria-hidden': 'true' })}
    >
      {labelled && <title>{OUTCOME_LABELS[outcome]}</title>}
      {SHAPES[outcome]}
    </svg>
  );
}

export function OutcomeLabel({ entry }: { entry: Investigation }) {
  const outcome = outcomeOf(entry);
  return (
    <span class={`outcome ${outcome}`}>
      <OutcomeMark outcome={outcome} /> {OUTCOME_LABELS[outcome]}
    </span>
  );
}

export const RepeatCount = ({ entry }: { entry: Pick<Investigation, 'suppressed'> }) =>
  entry.suppressed > 0 ? (
    <span class="repeat-count" title={`${count(entry.suppressed)} repeats of this alert were suppressed`}>
      +{count(entry.suppressed)}
    </span>
  ) : null;

/** Shown next to an outcome. A withdrawn alert says it already. */
export const RecoveredMark = ({ entry }: { entry: Pick<Investigation, 'recoveredAt' | 'outcome'> }) =>
  entry.recoveredAt !== null && entry.outcome !== 'withdrawn' ? (
    <span class="recovered">
      Recovered <When at={entry.recoveredAt} />
    </span>
  ) : null;

/** Only critical has a colour. */
export const Severity = ({ of }: { of: string }) => (
  <span class={of === 'critical' ? 'severity critical' : 'severity'} title={of}>
    {brief(of, 24)}
  </span>
);
