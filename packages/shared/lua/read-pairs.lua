-- Reads the state of pairs that a decision depends on. An incident that was closed for longer than it can be reopened does not count.
-- KEYS: for each pair its deduplication key, its `incident-of`, and its count of buffered rows.
-- ARGV: prefix of the incidents' keys, time in which a wake reopens an incident (ms).
-- Returns four values for each pair: the wake that holds its window (empty: no window is open), the number of wakes since its incident
-- opened (empty: no incident is open), 1 if the incident had a critical wake, else 0, and the number of buffered rows.
-- @include lib/clock
local now = redis_now()
local results = {}
for i = 1, #KEYS, 3 do
  local holder, id, buffered = redis.call('GET', KEYS[i]), redis.call('GET', KEYS[i + 1]), redis.call('GET', KEYS[i + 2])
  local state, closed_at, critical, wakes
  if id then
    state, closed_at, critical, wakes =
      unpack(redis.call('HMGET', ARGV[1] .. id, 'state', 'closedAt', 'hadCritical', 'openingWakes'))
  end
  local is_open = state and state ~= 'closed'
  local counts = is_open or (state and now - closed_at <= tonumber(ARGV[2]))
  results[#results + 1] = holder or ''
  results[#results + 1] = is_open and (wakes or '1') or ''
  results[#results + 1] = counts and critical and 1 or 0
  results[#results + 1] = buffered or 0
end
return results
