/**
 * The account: what became of every wake row, from the counters and the queues as they stand at one moment.
 *
 *   rows = enqueued + coalesced + rejected
 *   enqueued = diagnosis + fallback + dry run + dead + in flight
 */

import type { RedisClient } from '../runtime/redis.ts';
import type { Outcome } from '../wake/outcome.ts';
import type { Keys } from './keys.ts';
import { DELIVERIES, WAKES } from './queues.ts';

export interface Account {
  rows: number;
  enqueued: number;
  coalesced: number;
  /** By reason. */
  rejected: Record<string, number>;
  outcomes: Record<Outcome, number>;
  /** Jobs that have not ended, in both queues. */
  inFlight: number;
  /** Lines that name a wake and could not be read, or were too long; they are no rows. */
  unreadLines: number;
  /** What the sweeper mended, by kind. */
  repaired: Record<string, number>;
  /** Rows without a decision, wakes without an end, and ends of no recorded wake; 0, or something is wrong. */
  unaccounted: number;
}

const READ = `
local pending = 0
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind == 'list' then pending = pending + redis.call('LLEN', KEYS[i]) end
  if kind == 'zset' then pending = pending + redis.call('ZCARD', KEYS[i]) end
end
local counters = redis.call('HGETALL', KEYS[1])
table.insert(counters, 1, tostring(pending))
return counters`;

/**
 * Reads the account in one script, so at one moment. Between two effects of one step a wake may stand in two places,
 * which can hide a loss for that moment. For an instant after a job failed for good, and its end is not recorded yet,
 * it stands in none; and one may end before the batch of its row is committed: a figure that matters is one that stays.
 */
export async function readAccount(redis: RedisClient, keys: Keys): Promise<Account> {
  const unended = [WAKES, DELIVERIES].flatMap((queue) => keys.unended(queue));
  const answer = await redis.eval(READ, unended.length + 1, keys.counters, ...unended);
  const [inFlight, ...flat] = Array.isArray(answer) ? answer.map(String) : [];
  const counters = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) counters.set(flat[i] ?? '', Number(flat[i + 1]));
  return accountOf(counters, Number(inFlight));
}

function accountOf(counters: Map<string, number>, inFlight: number): Account {
  const count = (name: string) => counters.get(name) ?? 0;
  const kinds = (prefix: string) =>
    Object.fromEntries(
      [...counters].flatMap(([name, n]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), n]] : [])),
    );
  const rejected = kinds('rejected:');
  const outcomes = {
    diagnosis: count('outcome:diagnosis'),
    fallback: count('outcome:fallback'),
    dry_run: count('outcome:dry_run'),
    dead: count('outcome:dead'),
  };
  const rows = count('rows');
  const enqueued = count('enqueued');
  const undecided = rows - enqueued - count('coalesced') - sum(rejected);
  const unended = enqueued - sum(outcomes) - inFlight;
  return {
    rows,
    enqueued,
    coalesced: count('coalesced'),
    rejected,
    outcomes,
    inFlight,
    unreadLines: count('lines:bad') + count('lines:overlong'),
    repaired: kinds('mended:'),
    unaccounted: Math.abs(undecided) + Math.max(0, unended) + Math.max(0, sum(outcomes) - enqueued),
  };
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, n) => total + n, 0);
}
