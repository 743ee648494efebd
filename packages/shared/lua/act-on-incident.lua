-- Applies the action of a person to an incident.
-- KEYS: incident, counters, events, 4 to 7 the index of windows, then the click, if the action is one.
-- ARGV: {id, by, action: {kind, seconds}, clickedAt (ms, only of a click), clickTtlS, incidents: see store/incidents.ts} as JSON.
-- Returns `done`, `unchanged` (it is in this state by this person already, or the click was applied before), `closed`, or `unknown`.
-- A click from before the incident was reopened has no effect.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local kind = args.action.kind
local state, pair, by = unpack(redis.call('HMGET', KEYS[1], 'state', 'pair', 'by'))
if not (state and pair) then return 'unknown' end
if KEYS[8] and not redis.call('SET', KEYS[8], 1, 'NX', 'EX', args.clickTtlS) then return 'unchanged' end
if state == 'closed' then return 'closed' end
local started = tonumber(redis.call('HGET', KEYS[1], 'startedAt'))
if args.clickedAt and args.clickedAt < started then return 'closed' end
local now = redis_now()
if kind == 'resolve' then
  redis.call('HSET', KEYS[1], 'by', args.by)
  close_incident(args.incidents, pair, 'resolved', 'resolvedAt', now, now, {unpack(KEYS, 4, 7)}, KEYS[2], KEYS[3])
  return 'done'
end
local unheld = unheld_now(args.incidents.keys.hold, now)
local after = kind == 'acknowledge' and 'acknowledged' or 'snoozed'
if kind == 'acknowledge' then
  if state == 'acknowledged' and by == args.by then return 'unchanged' end
  local acknowledged_at = tonumber(redis.call('HGET', KEYS[1], 'acknowledgedAt') or '0')
  if acknowledged_at < started then
    redis.call('HINCRBY', KEYS[2], 'incidents:acknowledged', 1)
    redis.call('HINCRBY', KEYS[2], 'incidents:acknowledged:ms', now - started)
  end
  redis.call('HSET', KEYS[1], 'state', after, 'by', args.by, 'acknowledgedAt', now, 'remindFrom', unheld)
  redis.call('HDEL', KEYS[1], 'snoozedUntil', 'snoozedFrom', 'escalateFrom')
else
  redis.call('HSETNX', KEYS[1], 'snoozedFrom', unheld)
  redis.call('HSET', KEYS[1], 'state', after, 'by', args.by, 'snoozedUntil', now + args.action.seconds * 1000)
  redis.call('HDEL', KEYS[1], 'remindFrom')
end
mark_changed(args.incidents, args.id, BY_PERSON)
publish_incident(KEYS[3], 'incident.changed', args.id, pair, 'state', after)
return 'done'
