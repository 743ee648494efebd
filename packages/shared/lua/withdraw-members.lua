-- Ends waiting members of a storm that are over, unless Slack may have a message that names them.
-- KEYS: storm. ARGV: {id, storms: see store/storms.ts} as JSON.
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
withdraw_members(args.storms, args.id, redis_now())
