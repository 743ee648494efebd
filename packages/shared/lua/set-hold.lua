-- Begins a hold, or ends the one in force. A new one replaces it.
-- KEYS: hold, events, click (if it is one). ARGV: {seconds (0: none), by, clickTtlS} as JSON.
-- Returns the end of the hold in force, ms, or 0; -1 if the click was applied before.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
local args = cjson.decode(ARGV[1])
local now = redis_now()
if KEYS[3] and not redis.call('SET', KEYS[3], 1, 'NX', 'EX', args.clickTtlS) then return -1 end
redis.call('HSET', KEYS[1], 'heldMs', now - unheld_now(KEYS[1], now), 'startedAt', now, 'until', now + args.seconds * 1000, 'by', args.by)
publish_event(KEYS[2], 'hold.changed', 'until', args.seconds > 0 and now + args.seconds * 1000 or 0)
return args.seconds > 0 and now + args.seconds * 1000 or 0
