-- The firing instances of the pairs (owner: store/firing.ts). `firing` is the argument that `firingArgs` makes.
-- Set `firing:<pair>`: `=` and the name of an instance; `-` rows without an instance; `*` more instances than are stored;
-- `!` a critical wake was enqueued since the pair fires.
-- List `firing:<pair>:wakes`: the wakes since the pair's last recovery, oldest first.
-- String `instance:<sender>:<instance>`: the newest pairs in which the instance of this sender fires, with spaces between them. There
-- are several if the sender changes a text that names the pair while the alert fires.
local MAX_PAIRS_OF_INSTANCE = 100

local function count_firing(set)
  return redis.call('SCARD', set) - redis.call('SISMEMBER', set, '!')
end

-- Closes the windows of withdrawn wakes into which rows of this batch were coalesced. Returns true if there were any:
-- nobody would send these rows, so the batch must be decided again.
local function release_withdrawn(firing, index)
  local found = false
  for _, change in ipairs(firing.changes) do
    if change.kind == 'firing' and not change.isOwn
        and redis.call('HGET', firing.keys.wake .. change.wakeId, 'outcome') == 'withdrawn' then
      found = true
      release_window(index, change.pair, firing.keys.dedup .. change.pair, change.wakeId)
    end
  end
  return found
end

local function pairs_of_instance(firing, origin)
  local found = {}
  for pair in string.gmatch(redis.call('GET', firing.keys.instance .. origin) or '', '%S+') do found[#found + 1] = pair end
  return found
end

-- Makes the pair the newest one of the instance, or removes it.
local function set_pair_of_instance(firing, origin, pair, is_firing)
  local kept = {}
  for _, other in ipairs(pairs_of_instance(firing, origin)) do
    if other ~= pair then kept[#kept + 1] = other end
  end
  if is_firing then kept[#kept + 1] = pair end
  if #kept > MAX_PAIRS_OF_INSTANCE then table.remove(kept, 1) end
  local key = firing.keys.instance .. origin
  if #kept == 0 then redis.call('DEL', key) else redis.call('SET', key, table.concat(kept, ' '), 'EX', firing.ttlS) end
end

local function add_firing(firing, row)
  local set = firing.keys.firing .. row.pair
  local wakes = set .. ':wakes'
  local record = firing.keys.wake .. row.wakeId
  local name = row.instance == '' and '-' or '=' .. row.instance
  if row.isOverflow or (name ~= '-' and redis.call('SCARD', set) >= firing.maxInstances
      and redis.call('SISMEMBER', set, name) == 0) then
    name = '*'
  elseif row.origin ~= '' then
    set_pair_of_instance(firing, row.origin, row.pair, true)
  end
  redis.call('SADD', set, name)
  if row.isOwn and row.isCritical and redis.call('SADD', set, '!') == 1 then
    redis.call('HSET', record, 'firstCritical', 1)
  end
  redis.call('EXPIRE', set, firing.ttlS)
  -- The wake that the row was coalesced into stands for it: it is no longer over.
  local stands_again = not row.isOwn and redis.call('HDEL', record, 'recoveredAt') == 1
  if row.isOwn or stands_again then
    redis.call('RPUSH', wakes, row.wakeId)
    redis.call('LTRIM', wakes, -firing.maxWakes, -1)
  end
  redis.call('EXPIRE', wakes, firing.ttlS)
end

-- Marks the wakes of the pair that have no outcome yet, and the last one in any case, for people to see.
local function mark_recovered(firing, wakes, at)
  local ids = redis.call('LRANGE', wakes, 0, -1)
  for i, id in ipairs(ids) do
    local record = firing.keys.wake .. id
    local enqueued, outcome = unpack(redis.call('HMGET', record, 'enqueuedAt', 'outcome'))
    if enqueued and (i == #ids or not outcome) then redis.call('HSET', record, 'recoveredAt', at) end
  end
  redis.call('DEL', wakes)
end

-- Returns `closed`, `partial` or `ignored`.
local function recover_pair(firing, recovered, pair, events_key)
  local set = firing.keys.firing .. pair
  if count_firing(set) == 0 then return 'ignored' end
  if recovered.instance ~= '' then
    if redis.call('SREM', set, '=' .. recovered.instance) == 0 then
      return redis.call('SISMEMBER', set, '*') == 1 and 'partial' or 'ignored'
    end
    if recovered.origin ~= '' then set_pair_of_instance(firing, recovered.origin, pair, false) end
    if count_firing(set) > 0 then return 'partial' end
  end
  redis.call('DEL', set)
  mark_recovered(firing, set .. ':wakes', recovered.at)
  publish_event(events_key, 'pair.recovered', 'pair', pair)
  return 'closed'
end

-- Returns the result for the pair. A recovery that names no pair concerns each one in which its instance fires: it has closed one,
-- or else others still fire in one, or it is ignored.
local function recover(firing, recovered, events_key)
  if recovered.pair ~= '' then return recover_pair(firing, recovered, recovered.pair, events_key) end
  local results = {}
  for _, pair in ipairs(pairs_of_instance(firing, recovered.origin)) do
    results[recover_pair(firing, recovered, pair, events_key)] = true
  end
  return results.closed and 'closed' or (results.partial and 'partial' or 'ignored')
end

-- Applies the changes of a batch in the order of their rows and counts the recoveries.
local function apply_firing(firing, counters_key, events_key)
  for _, change in ipairs(firing.changes) do
    if change.kind == 'firing' then
      add_firing(firing, change)
    else
      redis.call('HINCRBY', counters_key, 'recovered:' .. recover(firing, change, events_key), 1)
      if change.rows > 1 then
        -- The first one changed everything that equal ones can change.
        redis.call('HINCRBY', counters_key, 'recovered:' .. recover(firing, change, events_key), change.rows - 1)
      end
    end
  end
end
