-- Counts the work that incidents have for workers.
-- KEYS: changed incidents, notices without a job, rows for the audit log, deliveries that a hold delayed, hold.
-- Returns the number of incidents to edit, of notices without a job, of rows to write, and of deliveries to start: 0 while a hold is in force.
-- @include lib/clock
-- @include lib/hold
local held = redis.call('SCARD', KEYS[4])
if held > 0 and held_until(KEYS[5], redis_now()) then held = 0 end
return {redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]), held}
