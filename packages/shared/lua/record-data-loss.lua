-- Records that Redis was found without its data, by its own clock.
-- KEYS: time of the last data loss.
-- @include lib/clock
redis.call('SET', KEYS[1], redis_now())
