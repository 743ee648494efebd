-- Records the outcome of a wake once, counts it, and publishes it. The first outcome is final; only a dead letter that a
-- person retried may end again.
-- KEYS: wake record, counters, pending wakes, events.
-- ARGV: {id, pair, outcome, at (ms), ttlS, fields: {name: value}, incidents: see store/incidents.ts, stats: see store/stats.ts} as JSON,
-- then the event's type, names and values in turn. A message that Slack accepted becomes the newest one of the incident; the one before is changed to say so.
-- Returns 1 if this call recorded the outcome, else 0.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local before = redis.call('HGET', KEYS[1], 'outcome')
redis.call('HDEL', KEYS[1], 'claimedAt', 'firstClaimedAt')
for name, value in pairs(args.fields) do redis.call('HSET', KEYS[1], name, value) end
local incident = redis.call('HGET', KEYS[1], 'incident')
local posted = args.fields.posted
if incident and posted then
  local earlier, is_new = set_message(args.incidents, incident, posted, args.id, redis_now())
  local state, rows = unpack(redis.call('HMGET', args.incidents.keys.incident .. incident, 'state', 'rows'))
  if is_new and (earlier or state ~= 'firing' or tonumber(rows) > 1) then mark_changed(args.incidents, incident, BY_STATE) end
end
if before == args.outcome or (before and before ~= 'dead') then return 0 end
if before then
  redis.call('HINCRBY', KEYS[2], 'outcome:' .. before, -1)
  uncount_outcome(args.stats, KEYS[1], before)
end
end_wake(KEYS[1], KEYS[2], KEYS[3], args.outcome, args)
publish_event(KEYS[4], unpack(ARGV, 2))
return 1
