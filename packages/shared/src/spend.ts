/**
 * The ledger of what engine calls cost, shared by all workers. Before a call its worst case is reserved, in one script
 * with what is spent and reserved already, so that no number of workers together passes the budget; after it, what it
 * really cost is entered in its place. The reservation of a worker that died lapses.
 */
import { dayOf, microUsd, monthOf, type Rung, rungOf } from './core/ladder.ts';
import type { Keys } from './keys.ts';
import type { RedisClient } from './redis.ts';

export interface Ledger {
  /** Where on the ladder this month stands. */
  rung(): Promise<Rung>;
  /** Reserves so many USD; undefined where that would pass the budget. */
  reserve(usd: number): Promise<Reservation | undefined>;
}

export interface Reservation {
  /** Enters what the call cost, USD, in the place of what was reserved. */
  settle(call: { usd: number; route: string; model: string }): Promise<void>;
  /** Gives back what was reserved: nothing was asked, or nothing answered. */
  release(): Promise<void>;
}

/** Longer than any call, ms: then its worker has died. */
const LAPSE_MS = 3 * 60_000;
/** Thirteen months, seconds. */
const KEEP_S = 400 * 86_400;

/** Field of a month's spend: the budget at which a call was refused; there while none went through since. */
const REFUSED_AT = 'refusedAt';

/** KEYS: the month's spend, the reservations. ARGV: id, amount, budget, ms until it lapses, seconds to keep. */
const RESERVE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local taken = tonumber(redis.call('HGET', KEYS[1], 'total') or '0')
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  taken = taken + tonumber(string.match(member, ':(%d+)$'))
end
if tonumber(ARGV[3]) > 0 and taken + tonumber(ARGV[2]) > tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], '${REFUSED_AT}', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  return 0
end
redis.call('HDEL', KEYS[1], '${REFUSED_AT}')
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1] .. ':' .. ARGV[2])
return 1`;

/** KEYS: the month's spend, the reservations. ARGV: the reservation, amount, day and route and model, seconds to keep. */
const SETTLE = `
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'total', ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[3], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])`;

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
    rung: async () => rungOf(Number((await redis.hget(keys.spend(monthOf(now())), 'total')) ?? 0), budget),
    reserve: async (usd) => {
      const at = now();
      const month = keys.spend(monthOf(at));
      const [id, amount] = [newId(), microUsd(usd)];
      const reserved = await redis.eval(RESERVE, 2, month, keys.reserved, id, amount, budget, LAPSE_MS, KEEP_S);
      if (reserved !== 1) return undefined;
      return {
        settle: async (call) => {
          const entry = `${dayOf(at)}|${call.route}|${call.model}`;
          await redis.eval(SETTLE, 2, month, keys.reserved, `${id}:${amount}`, microUsd(call.usd), entry, KEEP_S);
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
  rung: async () => 'normal',
  reserve: async () => ({ settle: async () => undefined, release: async () => undefined }),
};

/** What a month cost so far, USD. */
export interface Spend {
  month: string;
  /** `hard_stop_100` also where what is left was too little for the last call that wanted to be made. */
  rung: Rung;
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
    rung: refused && budget > 0 ? 'hard_stop_100' : rungOf(total, budget),
    spentUsd: total / 1e6,
    reservedUsd: reserved.reduce((sum, member) => sum + Number(/:(\d+)$/.exec(member)?.[1] ?? 0), 0) / 1e6,
    entries: entries.toSorted((a, b) => a.day.localeCompare(b.day)),
  };
}
