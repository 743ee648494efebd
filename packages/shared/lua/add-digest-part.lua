-- Creates a later part of the digest of a storm, and assigns it the pairs that it names.
-- KEYS: storm. ARGV: {id (of the storm), pairs, storms: see store/storms.ts} as JSON.
-- Returns the id of the notice.
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
local notice = create_next_notice(incidents, args.id, 'digest_part', redis_now())
local messages = incidents.keys.storm .. args.id .. ':messages'
for _, pair in ipairs(args.pairs) do redis.call('HSETNX', messages, pair, notice) end
redis.call('EXPIRE', messages, incidents.ttlS)
redis.call('HSET', incidents.keys.incident .. args.id, 'part', notice)
return notice
