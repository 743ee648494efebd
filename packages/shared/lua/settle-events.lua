-- Ends the claims of a request: their rows were written, or were not.
-- KEYS: one per event, then one per event for its opposite. ARGV: token of the request, `1` if the rows were written, then one
-- ttl (ms) per event.
-- A claim that lapsed and was taken by another request stays with that request unless the rows were written.
local events = #KEYS / 2
for i = 1, events do
  if ARGV[2] == '1' then
    redis.call('SET', KEYS[i], 'done', 'PX', ARGV[i + 2])
    redis.call('DEL', KEYS[events + i])
  elseif redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
  end
end
