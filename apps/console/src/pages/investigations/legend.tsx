import { OutcomeMark } from '../../components/outcome.tsx';
import { OUTCOME_LABELS, type Outcome } from '../../labels.ts';

const OUTCOMES: Outcome[] = [
  'sent',
  'fallback',
  'unchanged',
  'digest',
  'dry_run',
  'joined',
  'withdrawn',
  'not_sent',
  'in_progress',
];

export const Legend = () => (
  <span class="legend">
    {OUTCOMES.map((outcome) => (
      <span key={outcome}>
        <OutcomeMark outcome={outcome} /> {OUTCOME_LABELS[outcome]}
      </span>
    ))}
    <span>
      <span class="repeat-count">+3</span> repeats suppressed
    </span>
  </span>
);

export const BarLegend = () => (
  <span class="legend bar-legend">
    <span>
      <i class="alerts" /> alerts
    </span>
    <span>
      <i class="unsent" /> not sent
    </span>
    <span>
      <i class="suppressed" /> repeats suppressed
    </span>
  </span>
);
