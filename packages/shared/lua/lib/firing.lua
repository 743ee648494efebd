-- The firing instances of the pairs (owner: store/firing.ts). `firing` is the argument that `firingArgs` makes.
-- Set `firing:<pair>`: `=` and the name of an instance; `-` rows without an instance; `*` more instances than are stored.
-- List `firing:<pair>:wakes`: the wakes since the pair's last recovery, oldest first.
-- String `instance:<sender>:<instance>`: the newest pairs in which the instance of this sender fires, with spaces between them. There
-- are several if the sender changes a text that names the pair while the alert fires.
-- Include incidents before it.
local MAX_PAIRS_OF_INSTANCE = 100

-- Closes the windows of wakes into which rows of this batch were coalesced, although they are withdrawn or their incident is closed.
-- Returns true if there were any: nobody would send these rows, so the batch must be decided again.
local function release_ended(firing, index)
  local found = false
  for _, change in ipairs(firing.changes) do
    if change.decision == 'coalesced' then
      local record = firing.incidents.keys.wake .. change.wakeId
      if redis.call('HGET', record, 'outcome') == 'withdrawn' or is_in_closed(firing.incidents, record) then
        found = true
        release_window(index, change.pair, firing.incidents.keys.dedup .. change.pair, change.wakeId)
      end
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

local function add_firing(firing, row, now, counters_key, events_key)
  local set = firing.incidents.keys.firing .. row.pair
  if row.decision == 'enqueued' and row.buffered == 0 and not open_incident(firing.incidents, row.pair) then
    -- Instances of buffered rows that lapsed.
    redis.call('DEL', set)
  end
  local name = row.instance == '' and '-' or '=' .. row.instance
  if row.isOverflow or (name ~= '-' and redis.call('SCARD', set) >= firing.maxInstances
      and redis.call('SISMEMBER', set, name) == 0) then
    name = '*'
  elseif row.origin ~= '' then
    set_pair_of_instance(firing, row.origin, row.pair, true)
  end
  redis.call('SADD', set, name)
  redis.call('EXPIRE', set, firing.ttlS)
  local wakes = set .. ':wakes'
  if row.decision == 'enqueued' then
    add_wake(firing.incidents, row, now, counters_key, events_key)
    redis.call('RPUSH', wakes, row.wakeId)
    redis.call('LTRIM', wakes, -firing.maxWakes, -1)
  end
  redis.call('EXPIRE', wakes, firing.ttlS)
end

-- Returns `closed`, `partial` or `ignored`.
local function recover_pair(firing, recovered, pair, now, index, counters_key, events_key)
  local set = firing.incidents.keys.firing .. pair
  if redis.call('SCARD', set) == 0 then return 'ignored' end
  if recovered.instance ~= '' then
    if redis.call('SREM', set, '=' .. recovered.instance) == 0 then
      return redis.call('SISMEMBER', set, '*') == 1 and 'partial' or 'ignored'
    end
    if recovered.origin ~= '' then set_pair_of_instance(firing, recovered.origin, pair, false) end
    if redis.call('SCARD', set) > 0 then return 'partial' end
  end
  close_incident(firing.incidents, pair, 'recovered', 'recoveredAt', recovered.at, now, index, counters_key, events_key)
  publish_event(events_key, 'pair.recovered', 'pair', pair)
  return 'closed'
end

-- Returns the result for the pair. A recovery that names no pair concerns each one in which its instance fires: it has closed one,
-- or else others still fire in one, or it is ignored.
local function recover(firing, recovered, ...)
  if recovered.pair ~= '' then return recover_pair(firing, recovered, recovered.pair, ...) end
  local results = {}
  for _, pair in ipairs(pairs_of_instance(firing, recovered.origin)) do
    results[recover_pair(firing, recovered, pair, ...)] = true
  end
  return results.closed and 'closed' or (results.partial and 'partial' or 'ignored')
end

-- Applies the changes of a batch in the order of their rows and counts the recoveries.
local function apply_firing(firing, now, index, counters_key, events_key)
  for _, change in ipairs(firing.changes) do
    if change.kind == 'firing' then
      add_firing(firing, change, now, counters_key, events_key)
    elseif change.kind == 'muted' then
      local id = open_incident(firing.incidents, change.pair)
      if id then
        add_firing(firing, change, now, counters_key, events_key)
        count_rows(firing.incidents, id, change.rows, now)
      end
    else
      local function count(rows)
        local result = recover(firing, change, now, index, counters_key, events_key)
        redis.call('HINCRBY', counters_key, 'recovered:' .. result, rows)
      end
      count(1)
      -- The first one changed everything that equal ones can change.
      if change.rows > 1 then count(change.rows - 1) end
    end
  end
end
