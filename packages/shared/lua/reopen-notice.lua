-- Takes back the outcome of a notice that failed for good and is tried again. The wakes that waited for a digest wait again.
-- KEYS: notice. ARGV: {id, at (ms), storms: see store/storms.ts} as JSON.
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
local storm, kind, outcome = unpack(redis.call('HMGET', KEYS[1], 'incident', 'kind', 'outcome'))
reopen_dead_notice(args.storms.incidents, args.id, args.at)
if outcome == 'dead' and (kind == 'digest' or kind == 'digest_part') then
  revive_members(args.storms, storm, args.id, kind, redis_now())
end
