-- Reads a storm with its members, in the order in which they joined.
-- KEYS: storm. ARGV: {id, storms: see store/storms.ts} as JSON.
-- Returns the fields of the storm as names and values in turn, and for each member: pair, the message that names it, 1 if Slack has
-- accepted that, then of its incident: id, state, severity, rows, newest wake, and 1 if it is still a member; then 1 if a wake waits.
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
local keys = incidents.keys
local has_waiting = {}
each_waiting(incidents, args.id, function(_, pair) has_waiting[pair] = true end)
local members = {}
for _, pair in ipairs(redis.call('ZRANGE', keys.storm .. args.id, 0, -1)) do
  local message = redis.call('HGET', keys.storm .. args.id .. ':messages', pair) or ''
  local is_named = string.sub(message, 1, 1) == '+'
  local id = redis.call('GET', keys.of .. pair) or ''
  local state, severity, rows, last, storm =
    unpack(redis.call('HMGET', keys.incident .. id, 'state', 'severity', 'rows', 'lastWakeId', 'storm'))
  members[#members + 1] = {
    pair, is_named and string.sub(message, 2) or message, is_named and 1 or 0, id, state or 'closed', severity or '', rows or 0, last or '',
    storm == args.id and 1 or 0, has_waiting[pair] and 1 or 0,
  }
end
return {redis.call('HGETALL', keys.incident .. args.id), members}
