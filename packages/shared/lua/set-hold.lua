-- Begins a hold, or ends the one in force. A new one replaces it.
-- KEYS: hold, events, click (if it is one). ARGV: {seconds (0: none), by, clickTtlS} as JSON.
-- Returns the end of the hold in force, ms, or 0; -1 if the click was applied before.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
local args = cjson.decode(ARGV[1])
local now = redis_now()
if KEYS[3] and not redis.call('SET', KEYS[3], 1, 'NX', 'EX', args.clickTtlS) then return -1 end
local until_at = now + args.seconds * 1000
redis.call('HSET', KEYS[1], 'heldMs', now - unheld_now(KEYS[1], now), 'startedAt', now, 'until', until_at, 'by', args.by)
local in_force = args.seconds > 0 and until_at or 0
publish_event(KEYS[2], 'hold.changed', 'until', in_force)
return in_force
