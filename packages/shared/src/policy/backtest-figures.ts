/** The figures of a backtest that terminal, HTML page and console show side by side, one column for each policy. */

/** The part of the result of one policy that has the figures. */
export interface PolicyFigures {
  rows: number;
  messages: number;
  night: number;
  decisions: { coalesced: number; buffered: number; muted: number; rejected: number };
  storms: number;
  inDigests: number;
  withdrawn: number;
}

export interface BacktestFigure {
  label: string;
  /** One for each policy. */
  counts: number[];
}

const FIGURES: Array<{ label: string; of: (policy: PolicyFigures) => number; isRare?: true }> = [
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

/** The label of the cost, which each of the three writes in its own way. */
export const COST_LABEL = 'AI cost, about';

/** A rare figure is left out if it is 0 for each policy. */
export function figuresOf(policies: readonly PolicyFigures[]): BacktestFigure[] {
  return FIGURES.flatMap(({ label, of, isRare }) => {
    const counts = policies.map(of);
    return isRare && counts.every((n) => n === 0) ? [] : [{ label, counts }];
  });
}

/** Number of wakes of a pair by one policy. */
export function wakesOf(
  { byPair }: { byPair: ReadonlyArray<{ probe: string; category: string; wakes: number }> },
  probe: string,
  category: string,
): number {
  return byPair.find((pair) => pair.probe === probe && pair.category === category)?.wakes ?? 0;
}
