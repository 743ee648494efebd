-- Ends claims: their rows were written, or were not.
-- KEYS: per event its own, then those of its opposites. ARGV: four per event: the token of its request, the number of its
-- opposites, `1` if its row was written, and the time in which an equal event is a retry (ms).
-- A claim that lapsed and was taken by another request stays with that request unless the row was written. An opposite
-- event that is being written keeps its claim.
local k = 1
for a = 1, #ARGV, 4 do
  local key, token, opposites, written, ttl = KEYS[k], ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], ARGV[a + 3]
  if written == '1' then
    redis.call('SET', key, 'done', 'PX', ttl)
    for i = k + 1, k + opposites do
      if redis.call('GET', KEYS[i]) == 'done' then redis.call('DEL', KEYS[i]) end
    end
  elseif redis.call('GET', key) == token then
    redis.call('DEL', key)
  end
  k = k + 1 + opposites
end
