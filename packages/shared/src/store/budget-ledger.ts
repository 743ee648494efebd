/**
 * The budget ledger: cost of LLM calls, shared by all workers. Before a call its worst case is reserved, in one script with the
 * money spent and reserved so far, so that no number of workers together exceeds the budget. After the call its real cost
 * replaces the reservation. The reservation of a worker that died lapses.
 *
 * An operator corrects the ledger by an amount, not to an amount. Calls that are charged at the same time are then kept, and so
 * are the reservations of calls in progress.
 */

import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import {
  type BudgetTier,
  budgetTierOf,
  dayOf,
  MAX_SPEND_USD,
  microUsd,
  monthOf,
  nearestMicroUsd,
  PAID_TIERS,
  type PaidTier,
  TIER_STARTS,
} from '../wake/budget.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { parseStoredList } from './stored-json.ts';

export interface Ledger {
  /**
   * Reserves the worst case of a call.
   *
   * @param usd its worst case on each budget tier
   * @returns undefined if no tier from the month's own on has enough money left
   */
  reserve(usd: Record<PaidTier, number>): Promise<Reservation | undefined>;
}

export interface Reservation {
  /** The month's own tier, or a later one that costs less. */
  tier: PaidTier;
  /** Replaces the reservation by the cost of the call, USD. */
  charge(call: { usd: number; route: string; model: string }): Promise<void>;
  /** Cancels the reservation: no call was made. */
  release(): Promise<void>;
}

/** Longer than any call, ms: after that its worker has died. */
const LAPSE_MS = 3 * 60_000;
/** Thirteen months, seconds. */
const KEEP_S = 400 * 86_400;

/** Micro-USD in a USD. */
const MICRO = 1e6;

/** Field of a month's spend: the budget at which a call was refused. It exists until a call is accepted again. */
const REFUSED_AT = 'refusedAt';

/** Corrections of one month that are stored to be shown, and to recognise a repeated request. */
const KEPT_CORRECTIONS = 100;

const RESERVE = luaScript('reserve-budget');
const CHARGE = luaScript('charge-budget');
const CORRECT = luaScript('correct-budget');

/**
 * @param budgetUsd of a UTC month; 0 = no limit
 * @param newId makes ids that no other reservation has
 */
export function ledger(
  redis: RedisClient,
  keys: Keys,
  budgetUsd: number,
  now: () => number,
  newId: () => string,
): Ledger {
  const budget = microUsd(budgetUsd);
  return {
    reserve: async (usd) => {
      const at = now();
      const month = keys.spend(monthOf(at));
      const id = newId();
      const tiers = PAID_TIERS.map((tier) => ({ tier, from: TIER_STARTS[tier] * budget, amount: microUsd(usd[tier]) }));
      const args = { id, budget, lapseMs: LAPSE_MS, keepS: KEEP_S, tiers };
      const number = await RESERVE(redis, [month, keys.reserved], args);
      const reserved = typeof number === 'number' ? tiers[number - 1] : undefined;
      if (!reserved) return undefined;
      const { tier, amount } = reserved;
      return {
        tier,
        charge: async (call) => {
          const entry = `${dayOf(at)}|${call.route}|${call.model}`;
          await CHARGE(redis, [month, keys.reserved], `${id}:${amount}`, microUsd(call.usd), entry, KEEP_S);
        },
        release: async () => {
          await redis.zrem(keys.reserved, `${id}:${amount}`);
        },
      };
    },
  };
}

/** No limit, and no record: for a replay or an evaluation. */
export const freeLedger: Ledger = {
  reserve: async () => ({ tier: 'normal', charge: async () => undefined, release: async () => undefined }),
};

/** Cost of a month so far, USD. */
export interface Spend {
  month: string;
  /** `hard_stop_100` also if the rest was too little for the last call that was requested. */
  tier: BudgetTier;
  spentUsd: number;
  /** Worst case of the calls in progress. */
  reservedUsd: number;
  entries: Array<{ day: string; route: string; model: string; usd: number }>;
  /** Sum of all corrections of the month; `spentUsd` includes it, `entries` do not. */
  correctedUsd: number;
  /** The last corrections, newest first. */
  corrections: Correction[];
}

/** A change of a month's spend by an operator. */
export interface Correction {
  id: string;
  /** ms since the epoch */
  at: number;
  /** Negative: the spend was too high. */
  usd: number;
  /** Spend of the month after it, USD. */
  spentUsd: number;
  by: string;
  reason: string;
}

const storedAmount = z
  .string()
  .regex(/^-?\d+$/)
  .transform((microUsd) => Number(microUsd) / MICRO);

/** Stored as JSON by the script, with its amounts in micro-USD. */
const storedCorrection = z.object({
  id: z.string(),
  at: z.number(),
  usd: storedAmount,
  spentUsd: storedAmount,
  by: z.string(),
  reason: z.string(),
});

export type CorrectionResult =
  /** `repeated`: a correction with this id was stored before, and nothing has changed now. */
  | { result: 'applied' | 'repeated'; correction: Correction }
  /** The month's spend would be negative, or above `MAX_SPEND_USD`. Nothing has changed. */
  | { result: 'out_of_range'; spentUsd: number };

/**
 * Adds a signed amount to the spend of a UTC month.
 *
 * @param given.id a later request with the same id is a repetition of this one
 * @param given.usd exact to a micro-USD
 */
export async function correctSpend(
  redis: RedisClient,
  keys: Keys,
  month: string,
  { id, usd, ...entry }: Omit<Correction, 'spentUsd'>,
): Promise<CorrectionResult> {
  const reply = await CORRECT(redis, [keys.spend(month), keys.corrections(month)], {
    id,
    amount: nearestMicroUsd(usd),
    most: MAX_SPEND_USD * MICRO,
    kept: KEPT_CORRECTIONS,
    keepS: KEEP_S,
    entry,
  });
  const [result, value] = correctionReply.parse(reply);
  if (result === 'out_of_range') return { result, spentUsd: amountOf(value) / MICRO };
  return { result, correction: storedCorrection.parse(JSON.parse(value)) };
}

const correctionReply = z.tuple([z.enum(['applied', 'repeated', 'out_of_range']), z.string()]);

/** Reads the ledger of a UTC month. @param at any time in it, ms since the epoch */
export async function readSpend(redis: RedisClient, keys: Keys, budgetUsd: number, at: number): Promise<Spend> {
  const month = monthOf(at);
  const [fields, reserved, corrections] = await Promise.all([
    redis.hgetall(keys.spend(month)),
    redis.zrangebyscore(keys.reserved, at, '+inf'),
    redis.lrange(keys.corrections(month), 0, KEPT_CORRECTIONS - 1),
  ]);
  const total = amountOf(fields.total);
  const budget = microUsd(budgetUsd);
  // A budget that was raised since has room again.
  const refused = fields[REFUSED_AT] !== undefined && budget <= Number(fields[REFUSED_AT]);
  const entries = Object.entries(fields).flatMap(([field, amount]) => {
    const [day, route, ...model] = field.split('|');
    return day && route ? [{ day, route, model: model.join('|'), usd: amountOf(amount) / MICRO }] : [];
  });
  return {
    month,
    tier: refused && budget > 0 ? 'hard_stop_100' : budgetTierOf(total, budget),
    spentUsd: total / MICRO,
    reservedUsd: reserved.reduce((sum, member) => sum + Number(/:(\d+)$/.exec(member)?.[1] ?? 0), 0) / MICRO,
    entries: entries.toSorted((a, b) => a.day.localeCompare(b.day)),
    correctedUsd: amountOf(fields.corrected) / MICRO,
    corrections: parseStoredList(storedCorrection, corrections),
  };
}

/** Micro-USD of a stored amount; 0 if it is missing or not a number. */
function amountOf(text: string | undefined): number {
  return Number(text) || 0;
}
