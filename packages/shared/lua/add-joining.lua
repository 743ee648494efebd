-- Records that a wake waits until a newer one is sent. The wakes that wait for it then wait for the newer one.
-- KEYS: 1 wakes that wait for the newer one, 2 wakes that wait for this one. ARGV: id of this wake, TTL (s).
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SUNIONSTORE', KEYS[1], KEYS[1], KEYS[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
