/** The cost ladder: what is spent of a month's budget decides which model is asked, and whether one is. */

export const BUDGET_TIERS = ['normal', 'warn_75', 'downshift_90', 'hard_stop_100'] as const;
export type BudgetTier = (typeof BUDGET_TIERS)[number];

/** The budget tiers on which an LLM is called, from the first. */
export const PAID_TIERS = ['normal', 'warn_75', 'downshift_90'] as const satisfies readonly BudgetTier[];
export type PaidTier = (typeof PAID_TIERS)[number];

/**
 * @param spent in the UTC month so far
 * @param budget of the month, in the same unit; 0 = no limit
 */
export function budgetTierOf(spent: number, budget: number): BudgetTier {
  if (budget === 0) return 'normal';
  return BUDGET_TIERS.findLast((rung) => spent >= TIER_STARTS[rung] * budget) ?? 'normal';
}

/** From which share of the budget on a rung holds. */
export const TIER_STARTS: Record<BudgetTier, number> = {
  normal: 0,
  warn_75: 0.75,
  downshift_90: 0.9,
  hard_stop_100: 1,
};

/** Money is counted in whole millionths of a dollar, so that sums are exact. */
export function microUsd(usd: number): number {
  // Not what a sum of floats leaves behind its last digit.
  return Math.ceil(Math.round(usd * 1e9) / 1e3);
}

/** The UTC month of a time, as `2026-11`. @param at ms since the epoch */
export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** The UTC day of a time, as `2026-11-23`. @param at ms since the epoch */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
