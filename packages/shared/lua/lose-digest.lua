-- The digest of a storm is gone: a person deleted it, for example. A new one is sent if wakes wait for it, or if the storm fires, at most
-- once per window then.
-- KEYS: storm. ARGV: {id, windowMs, posted (JSON), storms: see store/storms.ts} as JSON.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
-- @include lib/incidents
-- @include lib/storms
local args = cjson.decode(ARGV[1])
local incidents = args.storms.incidents
local now = redis_now()
local state, message, last = unpack(redis.call('HMGET', KEYS[1], 'state', 'message', 'repostedAt'))
if message ~= args.posted then return end
local is_due = state == 'firing' and not (last and tonumber(last) + args.windowMs > now)
if count_waiting(incidents, args.id) == 0 and not is_due then return end
redis.call('HSET', KEYS[1], 'repostedAt', now)
redis.call('HDEL', KEYS[1], 'message', 'messageOf', 'part')
create_due_digest(incidents, args.id, now)
