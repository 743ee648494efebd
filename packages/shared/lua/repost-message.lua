-- The newest message of an incident is gone. If the incident fires, a notice posts it again, at most once per window.
-- KEYS: incident. ARGV: {id, windowMs, posted (JSON), incidents: see store/incidents.ts} as JSON.
-- Returns 1 if a notice was created.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local now = redis_now()
local state, message, last = unpack(redis.call('HMGET', KEYS[1], 'state', 'message', 'repostedAt'))
if state ~= 'firing' or message ~= args.posted or (last and tonumber(last) + args.windowMs > now) then return 0 end
redis.call('HSET', KEYS[1], 'repostedAt', now)
create_next_notice(args.incidents, args.id, 'reposted', now)
return 1
