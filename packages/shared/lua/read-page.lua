-- Reads one page of a sorted set. Many members can share one score, so the place is found by its rank. If the member has left
-- the set meanwhile, or has another score, its rank is searched among the members of the same score. Writes nothing: the
-- place may come from anybody who may read.
-- KEYS: sorted set. ARGV: score and member at which the previous page ended (empty member: first page), number of entries,
-- `highest` or `lowest`: the scores that come first.
-- Returns members and scores in turn.
local set, score, member = KEYS[1], ARGV[1], ARGV[2]
local highest = ARGV[4] == 'highest'
local range = highest and 'ZREVRANGE' or 'ZRANGE'

-- Redis orders members by their bytes. Lua would compare them by the locale of the server.
local function is_less(a, b)
  local i = 1
  while i <= #a and i <= #b and string.byte(a, i) == string.byte(b, i) do i = i + 1 end
  return (string.byte(a, i) or -1) < (string.byte(b, i) or -1)
end

local first = 0
if member ~= '' then
  local stored = redis.call('ZSCORE', set, member)
  if stored and tonumber(stored) == tonumber(score) then
    local rank = highest and redis.call('ZREVRANK', set, member) or redis.call('ZRANK', set, member)
    first = rank + 1
  else
    first = redis.call('ZCOUNT', set, highest and '(' .. score or '-inf', highest and '+inf' or '(' .. score)
    local last = first + redis.call('ZCOUNT', set, score, score)
    while first < last do
      local middle = math.floor((first + last) / 2)
      local other = redis.call(range, set, middle, middle)[1]
      local comes_before = is_less(other, member)
      if highest then comes_before = is_less(member, other) end
      if comes_before then first = middle + 1 else last = middle end
    end
  end
end
local page = {}
for _, part in ipairs(redis.call(range, set, first, first + ARGV[3] - 1, 'WITHSCORES')) do
  page[#page + 1] = tostring(part)
end
return page
