-- Reads all counters and the number of unfinished jobs at one moment.
-- KEYS: counters, then BullMQ's lists and sets of unfinished jobs.
-- Returns the number of unfinished jobs, then the counters as names and values in turn.
local unfinished = 0
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind == 'list' then unfinished = unfinished + redis.call('LLEN', KEYS[i]) end
  if kind == 'zset' then unfinished = unfinished + redis.call('ZCARD', KEYS[i]) end
end
local counters = redis.call('HGETALL', KEYS[1])
table.insert(counters, 1, tostring(unfinished))
return counters
