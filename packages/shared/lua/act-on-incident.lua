-- Applies the action of a person to an incident, or to a storm and each of its open members.
-- KEYS: incident, counters, events, 4 to 7 the index of windows, then the click, if the action is one.
-- ARGV: {id, by, action: {kind, seconds}, clickedAt (ms, only of a click), clickTtlS, incidents: see store/incidents.ts} as JSON.
-- Returns `done`, `unchanged` (it is in this state by this person already, or the click was applied before), `closed`, or `unknown`.
-- A click from before the incident was reopened has no effect. A click on a storm concerns only the members that a message named.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local incidents = args.incidents
local kind = args.action.kind
local state, pair, by, started = unpack(redis.call('HMGET', KEYS[1], 'state', 'pair', 'by', 'startedAt'))
local is_storm = string.sub(args.id, 1, 2) == 's-'
if not (state and (pair or is_storm)) then return 'unknown' end
if KEYS[8] and not redis.call('SET', KEYS[8], 1, 'NX', 'EX', args.clickTtlS) then return 'unchanged' end
if state == 'closed' then return 'closed' end
if args.clickedAt and args.clickedAt < tonumber(started) then return 'closed' end
local now = redis_now()
local unheld = unheld_now(incidents.keys.hold, now)
local after = kind == 'acknowledge' and 'acknowledged' or 'snoozed'

-- Sets the state of one of them, which is open.
local function set_state(key)
  if kind == 'acknowledge' then
    redis.call('HSET', key, 'state', after, 'by', args.by, 'acknowledgedAt', now, 'remindFrom', unheld)
    redis.call('HDEL', key, 'snoozedUntil', 'snoozedFrom', 'escalateFrom')
  else
    redis.call('HSETNX', key, 'snoozedFrom', unheld)
    redis.call('HSET', key, 'state', after, 'by', args.by, 'snoozedUntil', now + args.action.seconds * 1000)
    redis.call('HDEL', key, 'remindFrom')
  end
end

local function act(id, of_pair)
  local key = incidents.keys.incident .. id
  if kind == 'resolve' then
    redis.call('HSET', key, 'by', args.by)
    close_incident(incidents, of_pair, 'resolved', 'resolvedAt', now, now, {unpack(KEYS, 4, 7)}, KEYS[2], KEYS[3])
    return
  end
  local began, acknowledged_at = unpack(redis.call('HMGET', key, 'startedAt', 'acknowledgedAt'))
  if kind == 'acknowledge' and tonumber(acknowledged_at or '0') < tonumber(began) then
    redis.call('HINCRBY', KEYS[2], 'incidents:acknowledged', 1)
    redis.call('HINCRBY', KEYS[2], 'incidents:acknowledged:ms', now - began)
  end
  set_state(key)
  publish_incident(KEYS[3], 'incident.changed', id, of_pair, 'state', after)
end

-- Whether the person knew the member. The console and the API show all of them.
local function is_meant(member)
  if not args.clickedAt then return true end
  local named = redis.call('HGET', incidents.keys.storm .. args.id .. ':messages', member.pair)
  return args.clickedAt >= member.startedAt and named and string.sub(named, 1, 1) == '+'
end

local members = {}
local has_firing = false
for _, member in ipairs(is_storm and open_members(incidents, args.id) or {}) do
  if is_meant(member) then members[#members + 1] = member end
  has_firing = has_firing or member.state == 'firing'
end
if kind == 'acknowledge' and state == 'acknowledged' and by == args.by and not has_firing then return 'unchanged' end
if is_storm then
  if kind == 'resolve' then redis.call('HSET', KEYS[1], 'by', args.by) else set_state(KEYS[1]) end
  for _, member in ipairs(members) do act(member.id, member.pair) end
else
  act(args.id, pair)
end
if kind ~= 'resolve' or is_storm then mark_changed(incidents, args.id, BY_PERSON) end
return 'done'
