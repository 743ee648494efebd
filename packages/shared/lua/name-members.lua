-- Slack has accepted an edit of a message of a storm: ends the wakes whose pairs it names.
-- KEYS: storm. ARGV: {id (of the storm), notice (whose message was edited), storms: see store/storms.ts} as JSON.
-- Returns their number.
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
return name_members(args.storms, args.id, args.notice, 'digest', redis_now())
