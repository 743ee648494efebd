/** The costs of LLM calls, and their corrections by operators. */
import { BUDGET_TIERS, MAX_SPEND_USD, nearestMicroUsd } from '@kora-wake/shared/wake/budget';
import { z } from 'zod';
import { time } from './common.ts';

const usd = z.number().describe('USD');

export const CostCorrection = z
  .object({
    id: z.string(),
    at: time,
    usd: usd.describe('USD that it added to the spend of the month; negative if the spend was too high'),
    spentUsd: usd.describe('USD spent in the month after it'),
    by: z.string(),
    reason: z.string(),
  })
  .meta({ id: 'CostCorrection' });
export type CostCorrection = z.infer<typeof CostCorrection>;

export const CostCorrectionRequest = z.object({
  usd: z
    .number()
    .min(-MAX_SPEND_USD)
    .max(MAX_SPEND_USD)
    .refine((amount) => nearestMicroUsd(amount) !== 0, 'must be at least 0.000001 or at most -0.000001')
    .describe('USD to add to the spend of the month; negative if the spend is too high. Exact to 0.000001'),
  month: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a UTC month, such as 2026-11')
    .optional()
    .describe('UTC month, at most twelve months ago; without it the current one'),
  reason: z
    .string()
    .max(500)
    .optional()
    .describe('why; stored in the audit log. Needed here, in the query or in X-Reason'),
});
export type CostCorrectionRequest = z.infer<typeof CostCorrectionRequest>;

export const CostCorrectionHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1, 'must not be empty')
    .max(100)
    .optional()
    .describe('a text of your own: a request that repeats it, for example after a timeout, corrects nothing again'),
});

export const CorrectedCosts = z
  .object({
    month: z.string().describe('UTC month, such as 2026-11'),
    rung: z.enum(BUDGET_TIERS).describe('budget tier of that month now'),
    correction: CostCorrection,
  })
  .meta({ id: 'CorrectedCosts' });
export type CorrectedCosts = z.infer<typeof CorrectedCosts>;

export const Costs = z
  .object({
    rung: z.enum(BUDGET_TIERS).describe('budget tier'),
    budgetUsd: usd.describe('USD of a UTC month; 0 = no limit'),
    month: z.string().describe('UTC month, such as 2026-11'),
    spentMonthUsd: usd.describe('USD, with the corrections'),
    spentTodayUsd: usd.describe('USD, without corrections'),
    reservedUsd: usd.describe('USD that calls in progress may still cost'),
    days: z.array(z.object({ day: z.string(), usd })),
    byRoute: z.array(z.object({ route: z.string(), usd })),
    byModel: z.array(z.object({ model: z.string(), usd })),
    entries: z.array(z.object({ day: z.string(), route: z.string(), model: z.string(), usd })),
    correctedUsd: usd.describe(
      'USD that operators added to spentMonthUsd; days, routes, models and entries do not have them',
    ),
    corrections: z.array(CostCorrection).describe('the last corrections of this month, newest first'),
  })
  .meta({ id: 'Costs' });
export type Costs = z.infer<typeof Costs>;
