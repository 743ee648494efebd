/**
 * The ledger of what engine calls cost, shared by all workers. Before a call its worst case is reserved, in one script
 * with what is spent and reserved already, so that no number of workers together passes the budget; after it, what it
 * really cost is entered in its place. The reservation of a worker that died lapses.
 */

import type { RedisClient } from '../runtime/redis.ts';
import { type BudgetTier, budgetTierOf, dayOf, microUsd, monthOf, STARTS } from '../wake/budget.ts';
import type { Keys } from './keys.ts';
import { script } from './scripts.ts';

export interface Ledger {
  /**
   * Reserves what a call may cost.
   *
   * @param usd its worst case on each rung
   * @returns undefined where none of the rungs from the month's own on has the money left
   */
  reserve(usd: Record<PaidTier, number>): Promise<Reservation | undefined>;
}

/** The rungs on which somebody is asked, from the first. */
const PAID_TIERS = ['normal', 'warn_75', 'downshift_90'] as const;
export type PaidTier = (typeof PAID_TIERS)[number];

export interface Reservation {
  /** On which it is: the month's own, or one further up that costs less. */
  rung: PaidTier;
  /** Enters what the call cost, USD, in the place of what was reserved. */
  charge(call: { usd: number; route: string; model: string }): Promise<void>;
  /** Gives back what was reserved: nothing was asked, or nothing answered. */
  release(): Promise<void>;
}

/** Longer than any call, ms: then its worker has died. */
const LAPSE_MS = 3 * 60_000;
/** Thirteen months, seconds. */
const KEEP_S = 400 * 86_400;

/** Field of a month's spend: the budget at which a call was refused; there while none went through since. */
const REFUSED_AT = 'refusedAt';

/**
 * KEYS: the month's spend, the reservations. ARGV: id, budget, ms until it lapses, seconds to keep, then for each rung from
 * which spend on it holds, and the amount. Returns the number of the rung, or 0.
 */
const RESERVE = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local spent = tonumber(redis.call('HGET', KEYS[1], 'total') or '0')
local budget = tonumber(ARGV[2])
local taken = spent
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  taken = taken + tonumber(string.match(member, ':(%d+)$'))
end
for rung = 1, ${PAID_TIERS.length} do
  local amount = tonumber(ARGV[4 + 2 * rung])
  local passed = ARGV[5 + 2 * rung] and spent >= tonumber(ARGV[5 + 2 * rung])
  if budget == 0 or (not passed and taken + amount <= budget and spent < budget) then
    redis.call('HDEL', KEYS[1], '${REFUSED_AT}')
    redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1] .. ':' .. ARGV[4 + 2 * rung])
    return rung
  end
end
redis.call('HSET', KEYS[1], '${REFUSED_AT}', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0`);

/** KEYS: the month's spend, the reservations. ARGV: the reservation, amount, day and route and model, seconds to keep. */
const SETTLE = script(`
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'total', ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[3], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])`);

/**
 * @param budgetUsd a UTC month; 0 = no limit
 * @param newId ids that no other reservation has
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
      const amounts = PAID_TIERS.map((rung) => microUsd(usd[rung]));
      const steps = PAID_TIERS.flatMap((rung, i) => [STARTS[rung] * budget, amounts[i] ?? 0]);
      const step = await RESERVE(redis, [month, keys.reserved], id, budget, LAPSE_MS, KEEP_S, ...steps);
      const rung = typeof step === 'number' ? PAID_TIERS[step - 1] : undefined;
      if (rung === undefined) return undefined;
      const amount = amounts[PAID_TIERS.indexOf(rung)] ?? 0;
      return {
        rung,
        charge: async (call) => {
          const entry = `${dayOf(at)}|${call.route}|${call.model}`;
          await SETTLE(redis, [month, keys.reserved], `${id}:${amount}`, microUsd(call.usd), entry, KEEP_S);
        },
        release: async () => {
          await redis.zrem(keys.reserved, `${id}:${amount}`);
        },
      };
    },
  };
}

/** Money is no object, and nothing is entered: for a replay, or an evaluation. */
export const freeLedger: Ledger = {
  reserve: async () => ({ rung: 'normal', charge: async () => undefined, release: async () => undefined }),
};

/** What a month cost so far, USD. */
export interface Spend {
  month: string;
  /** `hard_stop_100` also where what is left was too little for the last call that wanted to be made. */
  rung: BudgetTier;
  spentUsd: number;
  /** What the calls that are being made may still cost. */
  reservedUsd: number;
  entries: Array<{ day: string; route: string; model: string; usd: number }>;
}

/** Reads the ledger of a UTC month. @param at any time in it, ms since the epoch */
export async function readSpend(redis: RedisClient, keys: Keys, budgetUsd: number, at: number): Promise<Spend> {
  const month = monthOf(at);
  const [fields, reserved] = await Promise.all([
    redis.hgetall(keys.spend(month)),
    redis.zrangebyscore(keys.reserved, at, '+inf'),
  ]);
  const total = Number(fields.total ?? 0);
  const budget = microUsd(budgetUsd);
  // A budget that was raised since has room again, as far as anybody knows.
  const refused = fields[REFUSED_AT] !== undefined && budget <= Number(fields[REFUSED_AT]);
  const entries = Object.entries(fields).flatMap(([field, amount]) => {
    const [day, route, ...model] = field.split('|');
    return day && route ? [{ day, route, model: model.join('|'), usd: Number(amount) / 1e6 }] : [];
  });
  return {
    month,
    rung: refused && budget > 0 ? 'hard_stop_100' : budgetTierOf(total, budget),
    spentUsd: total / 1e6,
    reservedUsd: reserved.reduce((sum, member) => sum + Number(/:(\d+)$/.exec(member)?.[1] ?? 0), 0) / 1e6,
    entries: entries.toSorted((a, b) => a.day.localeCompare(b.day)),
  };
}
