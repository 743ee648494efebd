-- Ends claims: their rows were written, or were not.
-- KEYS: one per event, then one per event for its opposite. ARGV: three per event: the token of its request, `1` if its row was
-- written, and the time in which an equal event is a retry (ms).
-- A claim that lapsed and was taken by another request stays with that request unless the row was written. An opposite
-- event that is being written keeps its claim.
local events = #KEYS / 2
for i = 1, events do
  local token, written, ttl = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  if written == '1' then
    redis.call('SET', KEYS[i], 'done', 'PX', ttl)
    if redis.call('GET', KEYS[events + i]) == 'done' then redis.call('DEL', KEYS[events + i]) end
  elseif redis.call('GET', KEYS[i]) == token then
    redis.call('DEL', KEYS[i])
  end
end
