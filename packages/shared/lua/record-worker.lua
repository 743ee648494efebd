-- Stores the set-up of a running worker with the time of this sign of life, and drops workers without one for a day.
-- KEYS: workers. ARGV: id, set-up (JSON).
-- @include lib/clock
local DAY_MS = 86400000
local now = redis_now()
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local at = tonumber(string.match(stored[i + 1], '^%d+') or '0')
  if now - at > DAY_MS then redis.call('HDEL', KEYS[1], stored[i]) end
end
