-- Reads one page of a sorted set, latest first. Many members can share one moment, so the place is found by its rank. If
-- the member has left the set meanwhile, its rank is searched among the members of the same time. Writes nothing: the place
-- may come from anybody who may read.
-- KEYS: sorted set by time. ARGV: time (ms) and member at which the previous page ended (empty member: first page), number
-- of entries.
-- Returns members and times in turn.
local first = 0
if ARGV[2] ~= '' then
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[2])
  if rank then
    first = rank + 1
  else
    first = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[1], '+inf')
    local last = first + redis.call('ZCOUNT', KEYS[1], ARGV[1], ARGV[1])
    while first < last do
      local middle = math.floor((first + last) / 2)
      local member = redis.call('ZREVRANGE', KEYS[1], middle, middle)[1]
      if member > ARGV[2] then first = middle + 1 else last = middle end
    end
  end
end
local page = {}
for _, part in ipairs(redis.call('ZREVRANGE', KEYS[1], first, first + ARGV[3] - 1, 'WITHSCORES')) do
  page[#page + 1] = tostring(part)
end
return page
