-- Stores the steps of a wake, which replace its earlier ones. Forgets steps that have expired, and drops the oldest ones while all
-- together are over the limit.
-- KEYS: steps of the wake, the wakes with steps by time, their sizes, the sum of the sizes.
-- ARGV: {id, ttlS, maxBytes, stepsPrefix} as JSON, then the steps as JSON.
-- @include lib/clock
local args = cjson.decode(ARGV[1])
local steps, index, sizes, total = unpack(KEYS)
local now = redis_now()

local function drop(id)
  redis.call('DEL', args.stepsPrefix .. id)
  redis.call('ZREM', index, id)
  local size = redis.call('HGET', sizes, id)
  if size then redis.call('INCRBY', total, '-' .. size) end
  redis.call('HDEL', sizes, id)
end

drop(args.id)
redis.call('SET', steps, ARGV[2], 'EX', args.ttlS)
redis.call('ZADD', index, now, args.id)
redis.call('HSET', sizes, args.id, #ARGV[2])
redis.call('INCRBY', total, #ARGV[2])
-- Few at a time, because the server waits. The next call drops the others.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now - args.ttlS * 1000, 'LIMIT', 0, 1000)) do drop(id) end
while tonumber(redis.call('GET', total)) > args.maxBytes do
  local oldest = redis.call('ZRANGE', index, 0, 0)[1]
  if not oldest then break end
  drop(oldest)
end
for _, key in ipairs({index, sizes, total}) do redis.call('EXPIRE', key, args.ttlS) end
