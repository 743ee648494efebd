-- Reads the stored set-ups of workers.
-- KEYS: workers.
-- Returns Redis's time (ms), then ids and entries in turn.
-- @include lib/clock
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, redis_now())
return answer
