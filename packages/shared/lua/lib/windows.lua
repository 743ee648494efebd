-- The index of open debounce windows (owner: store/windows.ts). `index` is a list of its four keys: names in lexical order,
-- the same ids by end time, the same ids by number of repeats, and the sum of these numbers.

-- A window that opens again has the repeats of its earlier wake here, until copy_repeats runs for the new one.
local function index_window(index, id, ends_at)
  redis.call('ZADD', index[1], 0, id)
  redis.call('ZADD', index[2], ends_at, id)
  redis.call('ZADD', index[3], 'NX', 0, id)
end

local function unindex_windows(index, ids)
  local repeats = 0
  for _, id in ipairs(ids) do repeats = repeats + (redis.call('ZSCORE', index[3], id) or 0) end
  for i = 1, 3 do redis.call('ZREM', index[i], unpack(ids)) end
  if repeats > 0 then redis.call('INCRBY', index[4], -repeats) end
end

-- Closes the window of a wake, unless a later wake holds it now. Returns whether it was closed.
local function release_window(index, id, dedup_key, wake_id)
  if redis.call('GET', dedup_key) ~= wake_id then return false end
  redis.call('DEL', dedup_key)
  unindex_windows(index, {id})
  return true
end

-- Copies the number of suppressed rows from the record of a wake to its window. It is copied and not added up, because
-- another tailer may count rows of a window before the window is in the index. If another wake holds the window, nothing
-- changes: the commit of that wake copies its number.
local function copy_repeats(index, id, dedup_key, record_key, wake_id)
  if redis.call('GET', dedup_key) ~= wake_id then return end
  local before = redis.call('ZSCORE', index[3], id)
  local repeats = tonumber(redis.call('HGET', record_key, 'suppressed') or 0) or 0
  if not before or tonumber(before) == repeats then return end
  redis.call('ZADD', index[3], repeats, id)
  redis.call('INCRBY', index[4], repeats - before)
end
