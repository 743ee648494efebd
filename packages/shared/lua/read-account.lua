-- Reads all counters, and the numbers of unfinished jobs, open incidents and pending notices at one moment.
-- KEYS: counters, open incidents, pending notices, wakes whose job ended while they wait for a digest, then BullMQ's lists and sets of unfinished jobs.
-- Such a wake counts as an unfinished job.
-- Returns the three numbers, then the counters as names and values in turn.
local unfinished = redis.call('SCARD', KEYS[4])
for i = 5, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind == 'list' then unfinished = unfinished + redis.call('LLEN', KEYS[i]) end
  if kind == 'zset' then unfinished = unfinished + redis.call('ZCARD', KEYS[i]) end
end
local counters = redis.call('HGETALL', KEYS[1])
table.insert(counters, 1, tostring(redis.call('ZCARD', KEYS[3])))
table.insert(counters, 1, tostring(redis.call('ZCARD', KEYS[2])))
table.insert(counters, 1, tostring(unfinished))
return counters
