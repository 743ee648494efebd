-- Claims events of senders before their rows are written, so that a retry writes none.
-- KEYS: one per event. ARGV: ttl of a claim (ms), then one per event: the token of its request.
-- Returns for each event: `new` if it is claimed now, `done` if its row was written, `busy` if another request is writing it.
local states = {}
for i, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if not holder then redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1]) end
  states[i] = not holder and 'new' or (holder == 'done' and 'done' or 'busy')
end
return states
