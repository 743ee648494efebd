-- Claims events of senders before their rows are written, so that a retry writes none.
-- KEYS: per event its own, then those of its opposites. ARGV: ttl of a claim (ms), then two per event: the token of its request and
-- the number of its opposites.
-- Returns for each event: `new` if it is claimed now, `done` if its row was written, `busy` if another request is writing it.
-- An opposite event was written later: its row would have deleted an earlier one.
local states = {}
local k = 1
for a = 2, #ARGV, 2 do
  local key, opposites = KEYS[k], tonumber(ARGV[a + 1])
  local holder = redis.call('GET', key)
  if holder == 'done' then
    for i = k + 1, k + opposites do
      if redis.call('GET', KEYS[i]) == 'done' then holder = false end
    end
  end
  if not holder then redis.call('SET', key, ARGV[a], 'PX', ARGV[1]) end
  states[#states + 1] = not holder and 'new' or (holder == 'done' and 'done' or 'busy')
  k = k + 1 + opposites
end
return states
