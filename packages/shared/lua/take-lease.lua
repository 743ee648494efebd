-- Takes the lease of a log if it is free or already ours: a release may have been lost with its connection.
-- KEYS: lease. ARGV: token, ms.
-- Returns false if the lease is ours now, else the holder's token.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
