-- Extends the lease of a log.
-- KEYS: lease. ARGV: token, ms.
-- Returns 1 if the lease is still ours, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
