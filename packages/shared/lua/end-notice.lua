-- Records the outcome of a notice once. One that Slack accepted is the newest message of its incident, unless it went to other people.
-- KEYS: notice. ARGV: {id, outcome, wakeId, posted (JSON, or absent), failure, isOthers, incidents: see store/incidents.ts} as JSON.
-- Returns 1 if this call recorded it, else 0.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local keys = args.incidents.keys
local before, incident = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'incident'))
redis.call('HDEL', KEYS[1], 'claimedAt', 'firstClaimedAt')
if not incident or (before and before ~= 'dead') or before == args.outcome then return 0 end
redis.call('HSET', KEYS[1], 'outcome', args.outcome, 'failure', args.failure or '')
redis.call('ZREM', keys.pendingNotices, args.id)
redis.call('ZREM', keys.unqueuedNotices, args.id)
if args.outcome == 'sent' and args.isOthers then redis.call('HSETNX', keys.incident .. incident, 'escalatedAt', redis_now()) end
if before then redis.call('HINCRBY', keys.counters, 'notices:' .. before, -1) end
redis.call('HINCRBY', keys.counters, 'notices:' .. args.outcome, 1)
if not args.posted then return 1 end
redis.call('HSET', KEYS[1], 'posted', args.posted)
if args.isOthers then
  add_message_to_others(args.incidents, incident, args.posted, args.wakeId)
else
  set_message(args.incidents, incident, args.posted, args.wakeId, redis_now())
  mark_changed(args.incidents, incident, BY_STATE)
end
return 1
