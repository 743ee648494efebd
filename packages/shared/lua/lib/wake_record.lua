-- The record of a wake, hash `wake:<id>` (owner: store/wake-record.ts). Include stats before it, if the script ends a wake or reopens one.

-- Records that the wake was enqueued. Returns false if it was recorded before.
local function record_enqueued(record_key, pending_key, id, row, at, ttl_s)
  if redis.call('HSETNX', record_key, 'enqueuedAt', at) == 0 then return false end
  redis.call('HSETNX', record_key, 'row', row)
  redis.call('EXPIRE', record_key, ttl_s)
  if redis.call('HEXISTS', record_key, 'outcome') == 0 then redis.call('ZADD', pending_key, at, id) end
  return true
end

-- Counts rows that were coalesced into the wake.
local function count_suppressed(record_key, rows, at, ttl_s)
  redis.call('HINCRBY', record_key, 'suppressed', rows)
  redis.call('HSET', record_key, 'lastSuppressedAt', at)
  redis.call('EXPIRE', record_key, ttl_s)
end

-- Takes back the outcome of a dead letter that is tried again.
local function reopen_dead_letter(record_key, counters_key, pending_key, id, at, stats)
  if redis.call('HGET', record_key, 'outcome') ~= 'dead' then return end
  uncount_outcome(stats, record_key, 'dead')
  redis.call('HDEL', record_key, 'outcome', 'outcomeAt', 'failure', 'dismissed')
  redis.call('HSET', record_key, 'retriedAt', at)
  redis.call('HINCRBY', counters_key, 'outcome:dead', -1)
  redis.call('ZADD', pending_key, redis.call('HGET', record_key, 'enqueuedAt') or at, id)
end

-- Ends the wake: stores and counts its outcome. `args` has its id and pair, the time (ms), the ttl of the record (s) and `stats`.
local function end_wake(record_key, counters_key, pending_key, outcome, args)
  redis.call('HSET', record_key, 'outcome', outcome, 'outcomeAt', args.at)
  redis.call('EXPIRE', record_key, args.ttlS)
  redis.call('HINCRBY', counters_key, 'outcome:' .. outcome, 1)
  count_outcome(args.stats, record_key, args.pair, outcome, args.at)
  redis.call('ZREM', pending_key, args.id)
end

-- Whether the incident of the wake ended before it was sent, and it is not to be sent any more. The first critical wake of an
-- incident that recovered is sent all the same, and a person who retries a wake wants its message.
local function is_over(record_key)
  local recovered, resolved, outcome, first_critical, retried =
    unpack(redis.call('HMGET', record_key, 'recoveredAt', 'resolvedAt', 'outcome', 'firstCritical', 'retriedAt'))
  if outcome or retried then return false end
  return resolved or (recovered and not first_critical)
end

-- Adds the wake to the three indexes that find it: all wakes, its probe, its pair.
local function index_wake(index_keys, id, at, ttl_s)
  for _, key in ipairs(index_keys) do
    redis.call('ZADD', key, 'NX', at, id)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', at - ttl_s * 1000)
    redis.call('EXPIRE', key, ttl_s)
  end
end
