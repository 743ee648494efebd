-- Whether the pairs' incidents had a critical row before. An incident that was closed for longer than it can be reopened does not count.
-- KEYS: `incident-of` of each pair. ARGV: prefix of the incidents' keys, time in which a wake reopens an incident (ms).
-- Returns 1 or 0 for each.
-- @include lib/clock
local now = redis_now()
local results = {}
for i, key in ipairs(KEYS) do
  local id = redis.call('GET', key)
  local state, closed_at, critical
  if id then state, closed_at, critical = unpack(redis.call('HMGET', ARGV[1] .. id, 'state', 'closedAt', 'hadCritical')) end
  local counts = state and (state ~= 'closed' or now - closed_at <= tonumber(ARGV[2]))
  results[i] = counts and critical and 1 or 0
end
return results
