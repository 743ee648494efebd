-- Reads the hold in force.
-- KEYS: hold.
-- Returns its end, ms (0: there is none), and who set it.
-- @include lib/clock
-- @include lib/hold
return {held_until(KEYS[1], redis_now()) or 0, redis.call('HGET', KEYS[1], 'by') or ''}
