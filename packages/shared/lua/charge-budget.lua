-- Replaces a reservation by the real cost of the call.
-- KEYS: spend of the month, reservations.
-- ARGV: reservation, cost (micro-USD), field of the entry (day|route|model), seconds to keep.
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'total', ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[3], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
