-- The counts of buffered rows (owner: store/pair-state.ts): string `buffered:<pair>` with the number of rows since the first of them.
-- It lapses with the time in which the rows must follow each other. Include incidents before it.

-- Whether another tailer has changed a count since it was read, or has opened the incident for which rows are counted.
local function have_counts_changed(keys, counts)
  for _, count in ipairs(counts) do
    if tonumber(redis.call('GET', keys.buffered .. count.pair) or '0') ~= count.was then return true end
    if (count.rows > 0 or count.starts) and keys.of then
      local id = redis.call('GET', keys.of .. count.pair)
      local state = id and redis.call('HGET', keys.incident .. id, 'state')
      if state and state ~= 'closed' then return true end
    end
  end
  return false
end

-- Stores the counts. The instances of rows of an earlier count do not fire any more.
local function store_counts(keys, counts)
  for _, count in ipairs(counts) do
    local key = keys.buffered .. count.pair
    if count.starts and keys.firing then redis.call('DEL', keys.firing .. count.pair) end
    if count.rows == 0 then
      redis.call('DEL', key)
    elseif count.starts then
      redis.call('SET', key, count.rows, 'PX', count.forMs)
    else
      redis.call('SET', key, count.rows, 'KEEPTTL')
    end
  end
end
