/** The figures of a backtest as texts, for the terminal and the HTML page. */
import type { PolicyResult } from '@kora-wake/backtest/backtest';
import { COST_LABEL, figuresOf } from '@kora-wake/shared/policy/backtest-figures';

interface FigureTexts {
  label: string;
  /** One for each policy. */
  values: string[];
}

export function figureTexts(policies: PolicyResult[]): FigureTexts[] {
  return [
    ...figuresOf(policies).map(({ label, counts }) => ({ label, values: counts.map(String) })),
    { label: COST_LABEL, values: policies.map(({ usd }) => `${usd.toFixed(2)} USD`) },
  ];
}
