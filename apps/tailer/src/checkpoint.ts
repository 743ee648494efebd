/**
 * Where a log was read up to, and what was decided before that place: one hash, counters and counts that move in
 * one Redis script, so that there is no moment at which a row is counted and not passed, or the other way round.
 *
 * The script is fenced twice. It asks for the lease, so that a tailer that was overtaken changes nothing. And it
 * asks for the position the batch began at, so that a commit that is sent again, after its answer was lost, is
 * not counted again.
 */

import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { EVENTS_KEPT } from '@kora-wake/shared/store/events';
import type { Keys } from '@kora-wake/shared/store/keys';
import { script } from '@kora-wake/shared/store/scripts';
import { indexKeys, storedRow } from '@kora-wake/shared/store/wake-history';
import { WAKE_RECORD_TTL_S } from '@kora-wake/shared/store/wake-record';
import { debounceId } from '@kora-wake/shared/wake/pair';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { z } from 'zod';
import type { Decided } from './decide/batch.ts';
import type { Position } from './log/follower.ts';

export interface Checkpoint {
  /**
   * What is stored, and the position it says: undefined where the log was never followed, or it cannot be read. `again`:
   * whether of lines after it jobs may have been added already.
   */
  load(): Promise<{ stored: string; position: Position | undefined; again: boolean }>;
  /** Records, before the first job of a batch is added, that this may be so. */
  deciding(): Promise<void>;
  /**
   * Records the first position of a source, in the place of what is stored.
   *
   * @param again as `load` gave it
   */
  begin(token: string, stored: string, at: Position, again: boolean): Promise<boolean>;
  /**
   * Commits a batch.
   *
   * @param again whether of lines after it jobs may have been added already
   * @returns false where the lease or the position is no longer ours, and nothing was changed
   */
  commit(token: string, from: Position, to: Position, tally: Tally, again: boolean): Promise<boolean>;
}

/** What one batch adds to the counters, the winners and the index of windows. */
export interface Tally {
  counters: Map<string, number>;
  /** The wakes that were enqueued, by id; one that was counted before is counted as a replay. */
  enqueued: Map<string, Wake>;
  /** By winner: how many wakes it took in. */
  suppressed: Map<string, number>;
  /** Deduplication ids of the windows this batch opened. */
  opened: Set<string>;
  /** When it was decided, ms since the epoch. */
  at: number;
}

/** Adds up what was decided on one batch. @param at when, ms since the epoch */
export function tallyOf({ enqueued, coalesced, rejected, bad }: Decided, overlong: number, at: number): Tally {
  const tally: Tally = { counters: new Map(), enqueued: new Map(), suppressed: new Map(), opened: new Set(), at };
  for (const wake of enqueued) {
    tally.enqueued.set(wake.id, wake);
    tally.opened.add(debounceId(wake.probe, wake.category));
  }
  for (const { winner, rows } of coalesced) {
    tally.suppressed.set(winner, (tally.suppressed.get(winner) ?? 0) + rows);
  }
  const taken = [...tally.suppressed.values()].reduce((sum, rows) => sum + rows, 0);
  const counts = {
    // Those that were enqueued are counted with them, once.
    rows: taken + rejected.stale + rejected.malformed,
    coalesced: taken,
    'rejected:stale': rejected.stale,
    'rejected:malformed': rejected.malformed,
    'lines:bad': bad,
    'lines:overlong': overlong,
  };
  for (const [name, n] of Object.entries(counts)) if (n > 0) tally.counters.set(name, n);
  return tally;
}

/**
 * KEYS: 1 lease, 2 checkpoint, 3 counters, 4 window names, 5 window ends, 6 sources, 7 events, 8 untold; then a wake
 * record for each winner, a deduplication key for each opened window, and a wake record and three indexes for each
 * enqueued wake.
 *
 * ARGV: 1 token, 2 from, 3 to, 4 path, 5 now, 6 ttl of a record; numbers of 7 counters, 8 winners, 9 windows and
 * 10 enqueued wakes; 11 the source, 12 whether there were rows, 13 whether of lines after it jobs may have been added;
 * then the names and amounts of the first three, and of each wake its id, row, pair, severity and title.
 */
const COMMIT = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local stored = redis.call('HGET', KEYS[2], 'position') or ''
if stored == ARGV[3] and ARGV[2] ~= ARGV[3] then return 1 end
if stored ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'position', ARGV[3], 'path', ARGV[4], 'committedAt', ARGV[5], 'deciding', ARGV[13])
redis.call('SADD', KEYS[6], ARGV[11])
if ARGV[12] == '1' then redis.call('HSET', KEYS[2], 'lastRowAt', ARGV[5]) end
local function tell(...)
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', ${EVENTS_KEPT}, '*', 'type', ...)
end
local arg = 14
for i = 1, ARGV[7] do
  redis.call('HINCRBY', KEYS[3], ARGV[arg], ARGV[arg + 1])
  local reason = string.match(ARGV[arg], '^rejected:(.+)')
  if reason then tell('wake.rejected', 'reason', reason, 'count', ARGV[arg + 1]) end
  arg = arg + 2
end
local key = 9
for i = 1, ARGV[8] do
  redis.call('HINCRBY', KEYS[key], 'suppressed', ARGV[arg])
  redis.call('HSET', KEYS[key], 'lastSuppressedAt', ARGV[5])
  tell('wake.coalesced', 'winner', string.match(KEYS[key], '[^:]+$'), 'count', ARGV[arg])
  redis.call('EXPIRE', KEYS[key], ARGV[6])
  key = key + 1
  arg = arg + 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, ARGV[9] do
  local left = redis.call('PTTL', KEYS[key])
  if left > 0 then
    redis.call('ZADD', KEYS[4], 0, ARGV[arg])
    redis.call('ZADD', KEYS[5], now + left, ARGV[arg])
    tell('window.opened', 'pair', ARGV[arg])
  end
  key = key + 1
  arg = arg + 1
end
for i = 1, ARGV[10] do
  if redis.call('HSETNX', KEYS[key], 'enqueuedAt', ARGV[5]) == 1 then
    redis.call('HINCRBY', KEYS[3], 'rows', 1)
    redis.call('HINCRBY', KEYS[3], 'enqueued', 1)
    redis.call('HSETNX', KEYS[key], 'row', ARGV[arg + 1])
    redis.call('EXPIRE', KEYS[key], ARGV[6])
    if redis.call('HEXISTS', KEYS[key], 'outcome') == 0 then redis.call('ZADD', KEYS[8], ARGV[5], ARGV[arg]) end
    tell('wake.enqueued', 'wakeId', ARGV[arg], 'pair', ARGV[arg + 2], 'severity', ARGV[arg + 3], 'title', ARGV[arg + 4])
    for j = 1, 3 do
      redis.call('ZADD', KEYS[key + j], 'NX', ARGV[5], ARGV[arg])
      redis.call('ZREMRANGEBYSCORE', KEYS[key + j], '-inf', ARGV[5] - ARGV[6] * 1000)
      redis.call('EXPIRE', KEYS[key + j], ARGV[6])
    end
  else
    redis.call('HINCRBY', KEYS[3], 'replayed', 1)
  end
  key = key + 4
  arg = arg + 5
end
return 1`);

/** Of a title that is told as an event; characters. */
const MAX_TOLD = 200;

const NOTHING: Tally = { counters: new Map(), enqueued: new Map(), suppressed: new Map(), opened: new Set(), at: 0 };

export function checkpoint(redis: RedisClient, keys: Keys, sourceId: string, path: string): Checkpoint {
  async function commit(token: string, from: string, to: Position, tally: Tally, again: boolean): Promise<boolean> {
    const scriptKeys = [
      keys.lease(sourceId),
      keys.source(sourceId),
      keys.counters,
      keys.windowNames,
      keys.windowEnds,
      keys.sources,
      keys.events,
      keys.pending,
      ...[...tally.suppressed.keys()].map(keys.wake),
      ...[...tally.opened].map(keys.dedup),
      ...[...tally.enqueued.values()].flatMap((wake) => [keys.wake(wake.id)].concat(indexKeys(keys, wake))),
    ];
    const answer = await COMMIT(
      redis,
      scriptKeys,
      token,
      from,
      JSON.stringify(to),
      path,
      tally.at,
      WAKE_RECORD_TTL_S,
      tally.counters.size,
      tally.suppressed.size,
      tally.opened.size,
      tally.enqueued.size,
      sourceId,
      Number(tally.enqueued.size > 0 || tally.counters.has('rows')),
      Number(again),
      ...[...tally.counters].flat(),
      ...tally.suppressed.values(),
      ...tally.opened,
      ...[...tally.enqueued.values()].flatMap((wake) => [
        wake.id,
        storedRow(wake),
        debounceId(wake.probe, wake.category),
        wake.severity.slice(0, MAX_TOLD),
        wake.title.slice(0, MAX_TOLD).toWellFormed(),
      ]),
    );
    return answer === 1;
  }
  return {
    load: async () => {
      const [position, deciding] = await redis.hmget(keys.source(sourceId), 'position', 'deciding');
      const stored = position ?? '';
      // A tailer of before 0.2 has not said so.
      return { stored, position: decode(stored), again: deciding !== '0' };
    },
    deciding: async () => {
      await redis.hset(keys.source(sourceId), 'deciding', 1);
    },
    begin: (token, stored, at, again) => commit(token, stored, at, { ...NOTHING, at: Date.now() }, again),
    commit: (token, from, to, tally, again) => commit(token, JSON.stringify(from), to, tally, again),
  };
}

const fileState = z.object({
  device: z.string(),
  inode: z.string(),
  born: z.string().regex(/^\d+$/),
  offset: z.number().int().min(0),
  print: z.string(),
});
const position = z.object({ files: z.array(fileState), finished: z.array(z.string()) });

function decode(stored: string): Position | undefined {
  try {
    return position.parse(JSON.parse(stored));
  } catch {
    return undefined;
  }
}
