-- Stores a person's opinion about the diagnosis that an incident shows, with its wake.
-- KEYS: incident, counters, events, click (if it is one).
-- ARGV: {id, feedback: {verdict, cause, by}, messageTs (of the clicked message, or absent), clickTtlS, ttlS, incidents: see store/incidents.ts} as JSON.
-- Returns `done`, `unchanged` (it was given before), or `unknown` (no such incident, or nothing was investigated).
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local pair, message_of, last_wake, leader = unpack(redis.call('HMGET', KEYS[1], 'pair', 'messageOf', 'lastWakeId', 'leader'))
-- A storm is investigated with the wake that leads it.
local wake_id = leader or message_of or last_wake
pair = pair or redis.call('HGET', args.incidents.keys.incident .. (redis.call('HGET', args.incidents.keys.wake .. (leader or ''), 'incident') or ''), 'pair')
-- A message to other people may show an earlier wake.
for _, entry in ipairs(args.messageTs and not leader and redis.call('LRANGE', KEYS[1] .. ':others', 0, -1) or {}) do
  local other = cjson.decode(entry)
  if cjson.decode(other.message).ts == args.messageTs then wake_id = other.wakeId end
end
if not (pair and wake_id) then return 'unknown' end
local record = args.incidents.keys.wake .. wake_id
local report = redis.call('HGET', record, 'report')
if not report then return 'unknown' end
-- A repeated diagnosis is judged at the wake that was investigated.
local is_json, decoded = pcall(cjson.decode, report)
local repeats = is_json and decoded.repeats
if repeats and redis.call('HEXISTS', args.incidents.keys.wake .. repeats.wakeId, 'report') == 1 then
  record = args.incidents.keys.wake .. repeats.wakeId
end
if KEYS[4] and not redis.call('SET', KEYS[4], 1, 'NX', 'EX', args.clickTtlS) then return 'unchanged' end
local before = redis.call('HGET', record, 'feedback')
if before then
  local known = cjson.decode(before)
  -- A click on a button names no cause, and keeps one that was given.
  if known.verdict == args.feedback.verdict and known.by == args.feedback.by and (known.cause == args.feedback.cause or not args.feedback.cause) then
    return 'unchanged'
  end
end
args.feedback.at = redis_now()
redis.call('HSET', record, 'feedback', cjson.encode(args.feedback))
redis.call('EXPIRE', record, args.ttlS)
redis.call('HINCRBY', KEYS[2], 'feedback:' .. args.feedback.verdict, 1)
mark_changed(args.incidents, args.id, BY_PERSON)
publish_incident(KEYS[3], 'incident.changed', args.id, pair, 'state', redis.call('HGET', KEYS[1], 'state'))
return 'done'
