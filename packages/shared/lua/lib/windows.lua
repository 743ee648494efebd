-- The index of open debounce windows (owner: store/windows.ts): names in lexical order, and the same ids by end time.
local function index_window(names_key, ends_key, id, ends_at)
  redis.call('ZADD', names_key, 0, id)
  redis.call('ZADD', ends_key, ends_at, id)
end

local function unindex_windows(names_key, ends_key, ids)
  redis.call('ZREM', names_key, unpack(ids))
  redis.call('ZREM', ends_key, unpack(ids))
end
