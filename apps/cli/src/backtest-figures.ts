/** The figures of a backtest that stand side by side, one column for each policy. */
import type { PolicyResult } from '@kora-wake/backtest/backtest';

interface Figure {
  label: string;
  /** One text for each policy. */
  values: string[];
}

const COUNTS: Array<{ label: string; of: (policy: PolicyResult) => number; isRare?: true }> = [
  { label: 'Alerts', of: ({ rows }) => rows },
  { label: 'Messages', of: ({ messages }) => messages },
  { label: 'At night (22 to 7)', of: ({ night }) => night },
  { label: 'Suppressed', of: ({ decisions }) => decisions.coalesced },
  { label: 'Counted, too few', of: ({ decisions }) => decisions.buffered },
  { label: 'Muted', of: ({ decisions }) => decisions.muted },
  { label: 'Storms', of: ({ storms }) => storms, isRare: true },
  { label: 'Alerts in their digests', of: ({ inDigests }) => inDigests, isRare: true },
  { label: 'Over before sent', of: ({ withdrawn }) => withdrawn, isRare: true },
  { label: 'Malformed', of: ({ decisions }) => decisions.rejected, isRare: true },
];

/** A rare figure is left out if it is 0 for each policy. */
export function figuresOf(policies: PolicyResult[]): Figure[] {
  const counts = COUNTS.map(({ label, of, isRare }) => ({ label, counts: policies.map(of), isRare }));
  return [
    ...counts
      .filter((figure) => !figure.isRare || figure.counts.some((n) => n > 0))
      .map((figure) => ({ label: figure.label, values: figure.counts.map(String) })),
    { label: 'AI cost, about', values: policies.map(({ usd }) => `${usd.toFixed(2)} USD`) },
  ];
}
