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

-- Whether the storm of an incident has the notice for it.
local function is_in_storm(storm, state, snoozed_until)
  if not storm then return false end
  local of_storm, until_of_storm = unpack(redis.call('HMGET', incidents.keys.incident .. storm, 'state', 'snoozedUntil'))
  return of_storm == state and snoozed_until == until_of_storm
end

local function run_clocks(id, is_storm)
  local key = incidents.keys.incident .. id
  local pair, state, snoozed_until, remind_from, escalate_from, severity, opening, storm = unpack(redis.call(
    'HMGET', key, 'pair', 'state', 'snoozedUntil', 'remindFrom', 'escalateFrom', 'severity', 'opening', 'storm'))
  if state == 'snoozed' and tonumber(snoozed_until or '0') <= now then
    local has_notice = is_in_storm(storm, state, snoozed_until)
    end_snooze(incidents, key, now)
    redis.call('HSET', key, 'state', 'firing')
    redis.call('HDEL', key, 'by')
    if not has_notice then create_next_notice(incidents, id, 'snooze_ended', now) end
    mark_changed(incidents, id, BY_STATE)
    if not is_storm then publish_incident(KEYS[2], 'incident.changed', id, pair, 'state', 'firing') end
  elseif state == 'acknowledged' and args.remindMs > 0 and remind_from and unheld - remind_from >= args.remindMs then
    redis.call('HSET', key, 'remindFrom', unheld)
    if not is_in_storm(storm, state, snoozed_until) then create_next_notice(incidents, id, 'reminder', now) end
  elseif state == 'firing' and escalate and escalate_from and unheld - escalate_from >= escalate.afterMs and is_severity(severity) then
    -- Once per opening. Once a notice was sent, also a reopening does not set it again.
    redis.call('HDEL', key, 'escalateFrom')
    for _, to in ipairs(escalate.to) do create_notice(incidents, id, 'escalation', opening .. '-' .. to, to, now) end
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do run_clocks(id, false) end
-- After their members, which look at the state of the storm.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', incidents.keys.openStorms, '-inf', '+inf')) do
  run_clocks(id, true)
  if redis.call('HEXISTS', incidents.keys.incident .. id, 'message') == 1 then create_due_digest(incidents, id, now) end
end
