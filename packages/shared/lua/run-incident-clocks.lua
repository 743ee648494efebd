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
  elseif state == 'firing' and escalate and escalate_from and unheld - escalate_from >= escalate.afterMs and is_severity(severity) then
    -- Once per opening. Once a notice was sent, also a reopening does not set it again.
    redis.call('HDEL', key, 'escalateFrom')
    for _, to in ipairs(escalate.to) do create_notice(incidents, id, 'escalation', opening .. '-' .. to, to, now) end
  end
end

-- Storms last: a notice of their own stands for their members too.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do run_clocks(id) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', incidents.keys.openStorms, '-inf', '+inf')) do
  local before = redis.call('HGET', incidents.keys.incident .. id, 'notices')
  run_clocks(id)
  local has_notice = redis.call('HGET', incidents.keys.incident .. id, 'notices') ~= before
  -- A reminder is for a storm that a person has acknowledged.
  if not has_notice and of_storms[id] and of_storms[id].snooze_ended then create_next_notice(incidents, id, 'snooze_ended', now) end
  if redis.call('HEXISTS', incidents.keys.incident .. id, 'message') == 1 then create_due_digest(incidents, id, now) end
end
