-- Reads one page of wake ids from an index, newest first. Many wakes can share one moment, so the place is found by its
-- rank. An id that has left the index meanwhile is put back for the time of this script.
-- KEYS: index. ARGV: time (ms) and id at which the previous page ended (empty id: first page), number of entries.
-- Returns ids and times in turn.
local first = 0
if ARGV[2] ~= '' then
  local gone = redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2]) == 1
  first = redis.call('ZREVRANK', KEYS[1], ARGV[2])
  if gone then redis.call('ZREM', KEYS[1], ARGV[2]) else first = first + 1 end
end
local page = {}
for _, part in ipairs(redis.call('ZREVRANGE', KEYS[1], first, first + ARGV[3] - 1, 'WITHSCORES')) do
  page[#page + 1] = tostring(part)
end
return page
