-- An edit of a part was refused for good: the pairs that only this edit names are assigned to another part.
-- KEYS: storm. ARGV: {id (of the storm), notice, storms: see store/storms.ts} as JSON.
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
local keys = args.storms.incidents.keys
unassign(keys, args.id, args.notice)
redis.call('HDEL', keys.incident .. args.id, 'part')
