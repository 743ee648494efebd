-- Forgets a log that nobody follows.
-- KEYS: 1 source, 2 its lease, 3 its unreadable lines, 4 its conflict, 5 sources. ARGV: source id.
-- Returns 1 if it is forgotten, 0 if a tailer follows it, -1 if there is no such log.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local removed = redis.call('SREM', KEYS[5], ARGV[1]) + redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[3], KEYS[4])
return removed > 0 and 1 or -1
