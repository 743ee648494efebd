-- Creates a later part of the digest of a storm, and assigns it the pairs that it names. Another worker may have done it before: then
-- nothing changes.
-- KEYS: storm. ARGV: {id (of the storm), pairs, storms: see store/storms.ts} as JSON.
-- Returns the id of the notice, or ''.
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
local messages = incidents.keys.storm .. args.id .. ':messages'
local unnamed = {}
for _, pair in ipairs(args.pairs) do
  if redis.call('HEXISTS', messages, pair) == 0 then unnamed[#unnamed + 1] = pair end
end
if #unnamed == 0 then return '' end
local notice = create_next_notice(incidents, args.id, 'digest_part', redis_now())
local message = redis.call('HGET', incidents.keys.incident .. args.id, 'message')
if message then redis.call('HSET', incidents.keys.notice .. notice, 'thread', message) end
for _, pair in ipairs(unnamed) do redis.call('HSET', messages, pair, notice) end
redis.call('EXPIRE', messages, incidents.ttlS)
redis.call('HSET', incidents.keys.incident .. args.id, 'part', notice)
return notice
