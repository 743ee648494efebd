-- Makes the changes of open incidents that depend on time. The end of a snooze sets the state to firing and creates a notice. An
-- acknowledged incident gets reminders. An incident that nobody acknowledged is escalated. Reminders and escalation wait during a hold.
-- A storm has these notices for its members that are in the same state. It gets a new digest once that is due.
-- KEYS: open incidents, events.
-- ARGV: {remindMs (0: never), escalate: {afterMs, severities, to: [names]} or absent, incidents: see store/incidents.ts} as JSON.
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
local incidents, escalate = args.incidents, args.escalate
local now = redis_now()
local unheld = unheld_now(incidents.keys.hold, now)

local function is_severity(severity)
  for _, each in ipairs(escalate.severities) do
    if each == severity then return true end
  end
end

-- Notices of storms, by storm: one stands for all its members.
local of_storms = {}

-- Creates a notice. For a member of a storm that is not over, the storm has it.
local function notify(id, storm, kind)
  local state = storm and redis.call('HGET', incidents.keys.incident .. storm, 'state')
  if state and state ~= 'closed' then
    if not of_storms[storm] then of_storms[storm] = {} end
    of_storms[storm][kind] = true
  else
    create_next_notice(incidents, id, kind, now)
  end
end

-- People can acknowledge the members one by one. Without a firing one the storm is acknowledged, and has the reminders for them.
local function follow_members(id)
  local key = incidents.keys.incident .. id
  if redis.call('HGET', key, 'state') ~= 'firing' then return end
  local first
  for _, member in ipairs(open_members(incidents, id)) do
    if member.state == 'firing' then return end
    if member.state == 'acknowledged' and (not first or member.remindFrom < first.remindFrom) then first = member end
  end
  if not first then return end
  redis.call('HSET', key, 'state', 'acknowledged', 'by', first.by or '', 'remindFrom', first.remindFrom)
  redis.call('HDEL', key, 'escalateFrom')
  mark_changed(incidents, id, BY_STATE)
end

-- Whether a firing incident is to be escalated: a storm is if one of its firing members is.
local function is_escalated(id, pair, severity)
  if pair then return is_severity(severity) end
  for _, member in ipairs(open_members(incidents, id)) do
    if member.state == 'firing' and is_severity(member.severity) then return true end
  end
  return false
end

local function run_clocks(id)
  local key = incidents.keys.incident .. id
  local pair, state, snoozed_until, remind_from, escalate_from, severity, opening, storm = unpack(redis.call(
    'HMGET', key, 'pair', 'state', 'snoozedUntil', 'remindFrom', 'escalateFrom', 'severity', 'opening', 'storm'))
  if state == 'snoozed' and tonumber(snoozed_until or '0') <= now then
    end_snooze(incidents, key, now)
    redis.call('HSET', key, 'state', 'firing')
    redis.call('HDEL', key, 'by')
    notify(id, storm, 'snooze_ended')
    mark_changed(incidents, id, BY_STATE)
    if pair then publish_incident(KEYS[2], 'incident.changed', id, pair, 'state', 'firing') end
  elseif state == 'acknowledged' and args.remindMs > 0 and remind_from and unheld - remind_from >= args.remindMs then
    redis.call('HSET', key, 'remindFrom', unheld)
    notify(id, storm, 'reminder')
  elseif state == 'firing' and escalate and escalate_from and unheld - escalate_from >= escalate.afterMs
    and is_escalated(id, pair, severity) then
    -- Once per opening. Once a notice was sent, also a reopening does not set it again.
    redis.call('HDEL', key, 'escalateFrom')
    for _, to in ipairs(escalate.to) do create_notice(incidents, id, 'escalation', opening .. '-' .. to, to, now) end
  end
end

local storms = redis.call('ZRANGEBYSCORE', incidents.keys.openStorms, '-inf', '+inf')
for _, id in ipairs(storms) do follow_members(id) end
-- Storms last: a notice of their own stands for their members too.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do run_clocks(id) end
for _, id in ipairs(storms) do
  local key = incidents.keys.incident .. id
  local before, state = unpack(redis.call('HMGET', key, 'notices', 'state'))
  run_clocks(id)
  local has_notice = redis.call('HGET', key, 'notices') ~= before
  -- A reminder is for a storm that a person has acknowledged.
  if not has_notice and of_storms[id] and of_storms[id].snooze_ended then
    -- It fires again with its member, whatever a person said about the others.
    if state == 'acknowledged' then
      redis.call('HSET', key, 'state', 'firing')
      redis.call('HDEL', key, 'by', 'remindFrom')
      mark_changed(incidents, id, BY_STATE)
    end
    create_next_notice(incidents, id, 'snooze_ended', now)
  end
  if redis.call('HEXISTS', key, 'message') == 1 then create_due_digest(incidents, id, now) end
end
