-- Makes the changes of open incidents that depend on time. The end of a snooze sets the state to firing and creates a notice. An
-- acknowledged incident gets reminders. An incident that nobody acknowledged is escalated. Reminders and escalation wait during a hold.
-- KEYS: open incidents, events.
-- ARGV: {remindMs (0: never), escalate: {afterMs, severities, to: [names]} or absent, incidents: see store/incidents.ts} as JSON.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local incidents, escalate = args.incidents, args.escalate
local now = redis_now()
local unheld = unheld_now(incidents.keys.hold, now)

local function is_severity(severity)
  for _, each in ipairs(escalate.severities) do
    if each == severity then return true end
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do
  local key = incidents.keys.incident .. id
  local pair, state, snoozed_until, remind_from, escalate_from, severity, opening = unpack(
    redis.call('HMGET', key, 'pair', 'state', 'snoozedUntil', 'remindFrom', 'escalateFrom', 'severity', 'opening'))
  if state == 'snoozed' and tonumber(snoozed_until or '0') <= now then
    end_snooze(incidents, key, now)
    redis.call('HSET', key, 'state', 'firing')
    redis.call('HDEL', key, 'by')
    create_next_notice(incidents, id, 'snooze_ended', now)
    mark_changed(incidents, id, BY_STATE)
    publish_incident(KEYS[2], 'incident.changed', id, pair, 'state', 'firing')
  elseif state == 'acknowledged' and args.remindMs > 0 and remind_from and unheld - remind_from >= args.remindMs then
    redis.call('HSET', key, 'remindFrom', unheld)
    create_next_notice(incidents, id, 'reminder', now)
  elseif state == 'firing' and escalate and escalate_from and unheld - escalate_from >= escalate.afterMs and is_severity(severity) then
    -- Once per opening. Once a notice was sent, also a reopening does not set it again.
    redis.call('HDEL', key, 'escalateFrom')
    for _, to in ipairs(escalate.to) do create_notice(incidents, id, 'escalation', opening .. '-' .. to, to, now) end
  end
end
