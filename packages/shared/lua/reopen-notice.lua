-- Takes back the outcome of a notice that failed for good and is tried again.
-- KEYS: notice, pending notices, counters. ARGV: id, time (ms).
if redis.call('HGET', KEYS[1], 'outcome') ~= 'dead' then return end
redis.call('HDEL', KEYS[1], 'outcome', 'failure')
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('HINCRBY', KEYS[3], 'notices:dead', -1)
