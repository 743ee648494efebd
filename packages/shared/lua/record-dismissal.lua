-- Stores who dismissed a dead letter and why. A wake without a record stays without one.
-- KEYS: wake record. ARGV: {by, reason, at (ms)} as JSON.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'dismissed', ARGV[1]) end
