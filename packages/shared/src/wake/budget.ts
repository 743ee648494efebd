/** Budget tiers: the share of the monthly budget that is spent decides the model, and whether an LLM is called at all. */

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
  return BUDGET_TIERS.findLast((tier) => spent >= TIER_STARTS[tier] * budget) ?? 'normal';
}

/** The share of the budget at which each tier begins. */
export const TIER_STARTS: Record<BudgetTier, number> = {
  normal: 0,
  warn_75: 0.75,
  downshift_90: 0.9,
  hard_stop_100: 1,
};

/** USD as micro-USD, rounded up to a whole number, so that sums are exact. */
export function microUsd(usd: number): number {
  // Rounded at a thousandth first, because a sum of floats can be slightly too large.
  return Math.ceil(Math.round(usd * 1e9) / 1e3);
}

/** The largest spend to which a month can be corrected, USD. */
export const MAX_SPEND_USD = 1_000_000_000;

/** USD as the nearest whole number of micro-USD. A correction may be negative, so it is not rounded up as a cost is. */
export function nearestMicroUsd(usd: number): number {
  return Math.round(usd * 1e6);
}

/** The UTC month of a time, as `2026-11`. @param at ms since the epoch */
export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** The UTC day of a time, as `2026-11-23`. @param at ms since the epoch */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
