-- The counts of buffered rows (owner: store/pair-state.ts): string `buffered:<pair>` with the number of rows since the first of them.
-- It lapses with the time in which the rows must follow each other. `prefix` is that of its key; `incidents` is nil without incidents.
-- Include incidents before it.

-- Whether another tailer has changed a count since it was read, or has opened the incident for which rows are counted.
local function have_counts_changed(prefix, incidents, counts)
  for _, count in ipairs(counts) do
    if tonumber(redis.call('GET', prefix .. count.pair) or '0') ~= count.was then return true end
    if incidents and (count.rows > 0 or count.starts) and open_incident(incidents, count.pair) then return true end
  end
  return false
end

-- Stores the counts. The instances of rows of an earlier count do not fire any more.
local function store_counts(prefix, incidents, counts)
  for _, count in ipairs(counts) do
    local key = prefix .. count.pair
    if incidents and count.starts then redis.call('DEL', incidents.keys.firing .. count.pair) end
    if count.rows == 0 then
      redis.call('DEL', key)
    elseif count.starts then
      redis.call('SET', key, count.rows, 'PX', count.forMs)
    else
      redis.call('SET', key, count.rows, 'KEEPTTL')
    end
  end
end
