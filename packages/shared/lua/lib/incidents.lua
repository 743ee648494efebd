-- The incidents (owner: store/incidents.ts, which lists the fields). `incidents` is the argument that `incidentArgs` makes.
-- Include clock, events, hold, notices and windows before it.

local SEVERITY_RANK = {info = 1, warning = 2, critical = 3}

-- Rows for the audit log. A worker writes them. Without a worker for long, the newest 10,000 stay.
local function queue_row(incidents, seam, details)
  redis.call('RPUSH', incidents.keys.rows, cjson.encode({seam = seam, details = details}))
  redis.call('LTRIM', incidents.keys.rows, -10000, -1)
end

-- Priorities of a change of the message: what a person did, then openings and closes, then counts.
local BY_PERSON, BY_STATE, BY_COUNT = 1, 2, 3

-- The message of the incident no longer shows its state. A worker edits it: the digest, if the incident is a member of a storm.
local function mark_changed(incidents, id, priority)
  id = redis.call('HGET', incidents.keys.incident .. id, 'storm') or id
  redis.call('HINCRBY', incidents.keys.incident .. id, 'changes', 1)
  local before = tonumber(redis.call('ZSCORE', incidents.keys.changed, id) or '9')
  if priority < before then redis.call('ZADD', incidents.keys.changed, priority, id) end
end

local function publish_incident(events_key, type, id, pair, ...)
  publish_event(events_key, type, 'incidentId', id, 'pair', pair, ...)
end

-- Ends a snooze. Its time does not count for the escalation.
local function end_snooze(incidents, key, now)
  local snoozed_from, escalate_from = unpack(redis.call('HMGET', key, 'snoozedFrom', 'escalateFrom'))
  if snoozed_from and escalate_from then
    redis.call('HSET', key, 'escalateFrom', escalate_from + unheld_now(incidents.keys.hold, now) - snoozed_from)
  end
  redis.call('HDEL', key, 'snoozedUntil', 'snoozedFrom')
end

-- Has a message of the incident edited that is not its newest one. It belongs to the incident, also while a storm has the newest one.
-- `entry` as JSON.
local function edit_other_message(incidents, id, entry)
  local older = incidents.keys.incident .. id .. ':older'
  redis.call('RPUSH', older, entry)
  redis.call('EXPIRE', older, incidents.ttlS)
  redis.call('ZADD', incidents.keys.changed, 'LT', BY_STATE, id)
end

-- Has the messages to other people changed: they say whether the incident is over.
local function change_others(incidents, id)
  local key = incidents.keys.incident .. id
  for _, entry in ipairs(redis.call('LRANGE', key .. ':others', 0, -1)) do
    redis.call('LREM', key .. ':older', 0, entry)
    edit_other_message(incidents, id, entry)
  end
end

-- Counts open members of a storm (see lua/lib/storms.lua). It is over once there are none.
local function count_open_members(incidents, storm, amount, now)
  local keys = incidents.keys
  local key = keys.incident .. storm
  local open = redis.call('HINCRBY', key, 'open', amount)
  local is_closed = redis.call('HGET', key, 'state') == 'closed'
  if open <= 0 and not is_closed then
    redis.call('HSET', key, 'state', 'closed', 'closedAt', now)
    redis.call('HDEL', key, 'snoozedUntil', 'snoozedFrom', 'remindFrom', 'escalateFrom')
    redis.call('ZREM', keys.openStorms, storm)
    change_others(incidents, storm)
  elseif open > 0 and is_closed then
    redis.call('HSET', key, 'state', 'firing', 'startedAt', now)
    redis.call('HINCRBY', key, 'opening', 1)
    redis.call('HDEL', key, 'closedAt', 'by')
    if redis.call('HEXISTS', key, 'escalatedAt') == 0 then
      redis.call('HSET', key, 'escalateFrom', unheld_now(keys.hold, now))
    end
    redis.call('ZADD', keys.openStorms, now, storm)
    change_others(incidents, storm)
  end
end

-- The incident gets a message of its own: the digest does not stand for it any more.
local function leave_storm(incidents, id, now)
  local key = incidents.keys.incident .. id
  local storm, state = unpack(redis.call('HMGET', key, 'storm', 'state'))
  if not storm then return end
  mark_changed(incidents, id, BY_COUNT)
  redis.call('HDEL', key, 'storm', 'message', 'messageOf')
  local escalate_from = redis.call('HGET', incidents.keys.incident .. storm, 'escalateFrom')
  if escalate_from then redis.call('HSET', key, 'escalateFrom', escalate_from) end
  if state ~= 'closed' then count_open_members(incidents, storm, -1, now) end
end

-- Makes a message that Slack accepted the newest one of the incident, unless that belongs to a later wake. The one before is changed to
-- say so. Returns whether there was one, and whether this one is new.
local function set_message(incidents, id, posted, wake_id, now)
  local key = incidents.keys.incident .. id
  leave_storm(incidents, id, now)
  local before, before_of = unpack(redis.call('HMGET', key, 'message', 'messageOf'))
  local own_at = tonumber(redis.call('HGET', incidents.keys.wake .. wake_id, 'enqueuedAt') or '0')
  local before_at = tonumber(before_of and redis.call('HGET', incidents.keys.wake .. before_of, 'enqueuedAt') or '0')
  if before and own_at < before_at then
    edit_other_message(incidents, id, cjson.encode({message = posted, wakeId = wake_id}))
    redis.call('HSET', key, 'notifiedAt', now)
    return before, true
  end
  redis.call('HSET', key, 'message', posted, 'messageOf', wake_id, 'notifiedAt', now)
  if before and before ~= posted then
    edit_other_message(incidents, id, cjson.encode({message = before, wakeId = before_of}))
  end
  return before, before ~= posted
end

-- Remembers a message to other people.
local function add_message_to_others(incidents, id, posted, wake_id)
  local key = incidents.keys.incident .. id
  redis.call('RPUSH', key .. ':others', cjson.encode({message = posted, wakeId = wake_id, isOthers = true}))
  redis.call('EXPIRE', key .. ':others', incidents.ttlS)
  if redis.call('HGET', key, 'state') == 'closed' then
    change_others(incidents, id)
    mark_changed(incidents, id, BY_STATE)
  end
end

-- Begins an opening of the incident. `wake` is the record of its wake. A wake that reopens the incident soon after its last
-- notification waits, so that a flapping alert notifies once per window.
local function begin_opening(incidents, id, row, reopens, now, counters_key, events_key)
  local key = incidents.keys.incident .. id
  local opening = redis.call('HINCRBY', key, 'opening', 1)
  redis.call('HSET', key, 'state', 'firing', 'startedAt', now, 'openingWakes', 0)
  redis.call('HDEL', key, 'closedAt', 'closeReason', 'by')
  redis.call('DEL', incidents.keys.buffered .. row.pair)
  if redis.call('HEXISTS', key, 'escalatedAt') == 0 then
    redis.call('HSET', key, 'escalateFrom', unheld_now(incidents.keys.hold, now))
  end
  if reopens then
    redis.call('HINCRBY', key, 'flaps', 1)
    redis.call('HINCRBY', counters_key, 'incidents:flaps', 1)
    change_others(incidents, id)
    local storm = redis.call('HGET', key, 'storm')
    if storm then
      redis.call('HDEL', key, 'escalateFrom')
      count_open_members(incidents, storm, 1, now)
    end
  end
  redis.call('HINCRBY', counters_key, 'incidents:opened', 1)
  queue_row(incidents, 'incident.opened', {id = id, opening = opening, pair = row.pair, wakeId = row.wakeId})
  publish_incident(events_key, 'incident.opened', id, row.pair, 'wakeId', row.wakeId)
end

-- Remembers the newest wake of the incident that was investigated. An older one may end its investigation later.
local function set_investigated(incidents, record, wake_id)
  local id, own_at = unpack(redis.call('HMGET', record, 'incident', 'enqueuedAt'))
  if not id then return end
  local key = incidents.keys.incident .. id
  local pair, before = unpack(redis.call('HMGET', key, 'pair', 'investigatedOf'))
  if not pair then return end
  local before_at = before and redis.call('HGET', incidents.keys.wake .. before, 'enqueuedAt') or '0'
  if tonumber(own_at or '0') >= tonumber(before_at or '0') then redis.call('HSET', key, 'investigatedOf', wake_id) end
end

-- Adds a new wake to the pair's incident. Opens it, or reopens it if it was closed a short time ago.
local function add_wake(incidents, row, now, counters_key, events_key)
  local keys = incidents.keys
  local record = keys.wake .. row.wakeId
  -- A replay of a batch that was committed.
  if redis.call('HEXISTS', record, 'incident') == 1 then return end
  local id = redis.call('GET', keys.of .. row.pair)
  local state, closed_at, notified_at
  if id then
    state, closed_at, notified_at = unpack(redis.call('HMGET', keys.incident .. id, 'state', 'closedAt', 'notifiedAt'))
  end
  local reopens = state == 'closed' and now - closed_at <= incidents.reopenMs
  local is_open = state and state ~= 'closed'
  if not (is_open or reopens) then
    id = 'i-' .. string.sub(row.wakeId, 3)
    redis.call('HSET', keys.incident .. id, 'pair', row.pair, 'severity', row.severity, 'openedAt', now)
    redis.call('ZADD', keys.all, now, id)
    redis.call('ZREMRANGEBYSCORE', keys.all, '-inf', now - incidents.ttlS * 1000)
    notified_at = nil
  end
  local key = keys.incident .. id
  if not is_open then begin_opening(incidents, id, row, reopens, now, counters_key, events_key) end
  redis.call('SET', keys.of .. row.pair, id, 'EX', incidents.ttlS)
  redis.call('HSET', record, 'incident', id)
  -- A worker waits for the commit only for a short time.
  if redis.call('HEXISTS', record, 'investigatedAt') == 1 then set_investigated(incidents, record, row.wakeId) end
  redis.call('HSET', key, 'lastWakeId', row.wakeId, 'lastRowAt', now, 'windowMs', row.windowMs)
  redis.call('HINCRBY', key, 'rows', 1 + row.buffered)
  redis.call('HINCRBY', key, 'wakes', 1)
  redis.call('HINCRBY', key, 'openingWakes', 1)
  if row.hasSender then redis.call('HSET', key, 'hasSender', 1) end
  redis.call('ZADD', keys.open, now, id)
  redis.call('EXPIRE', key, incidents.ttlS)
  if reopens then mark_changed(incidents, id, BY_STATE) elseif is_open then mark_changed(incidents, id, BY_COUNT) end
  local rank = SEVERITY_RANK[redis.call('HGET', key, 'severity')] or 0
  if (SEVERITY_RANK[row.severity] or 0) > rank then redis.call('HSET', key, 'severity', row.severity) end
  if row.isCritical and redis.call('HSETNX', key, 'hadCritical', 1) == 1 then
    -- It notifies in any case, whatever a person said about the incident before.
    redis.call('HSET', record, 'firstCritical', 1)
    redis.call('HSET', key, 'state', 'firing')
    end_snooze(incidents, key, now)
    redis.call('HDEL', key, 'by', 'remindFrom')
  elseif reopens and notified_at and notified_at + row.windowMs > now then
    redis.call('HSET', record, 'notBefore', notified_at + row.windowMs)
  end
end

-- The open incident of a pair, or nil.
local function open_incident(incidents, pair)
  local id = redis.call('GET', incidents.keys.of .. pair)
  local state = id and redis.call('HGET', incidents.keys.incident .. id, 'state')
  return state and state ~= 'closed' and id or nil
end

-- The members of a storm (see lua/lib/storms.lua) whose incidents are open, with fields of these.
local function open_members(incidents, storm)
  local members = {}
  for _, pair in ipairs(redis.call('ZRANGE', incidents.keys.storm .. storm, 0, -1)) do
    local id = open_incident(incidents, pair)
    local of, state, started, severity, by, remind_from = unpack(redis.call(
      'HMGET', incidents.keys.incident .. (id or ''), 'storm', 'state', 'startedAt', 'severity', 'by', 'remindFrom'))
    if of == storm then
      members[#members + 1] = {
        id = id, pair = pair, state = state, startedAt = tonumber(started), severity = severity, by = by,
        remindFrom = tonumber(remind_from or '0'),
      }
    end
  end
  return members
end

-- Counts further rows of an incident.
local function count_rows(incidents, id, rows, now)
  local key = incidents.keys.incident .. id
  redis.call('HINCRBY', key, 'rows', rows)
  redis.call('HSET', key, 'lastRowAt', now)
  redis.call('EXPIRE', key, incidents.ttlS)
  redis.call('ZADD', incidents.keys.open, 'XX', now, id)
  mark_changed(incidents, id, BY_COUNT)
end

-- Whether the wake belongs to an incident that is closed.
local function is_in_closed(incidents, record_key)
  local id = redis.call('HGET', record_key, 'incident')
  return id and redis.call('HGET', incidents.keys.incident .. id, 'state') == 'closed'
end

-- Whether the wake needs its own message whatever a person said: the first critical one of its incident, one that stands for it, one that
-- a person retries, and a claimed one, which Slack may already have. Also returns the incident.
local function needs_message(incidents, record_key)
  local id, critical, retried, claimed =
    unpack(redis.call('HMGET', record_key, 'incident', 'firstCritical', 'retriedAt', 'claimedAt'))
  if critical or retried or claimed then return true, id end
  for _, older in ipairs(redis.call('SMEMBERS', record_key .. ':joining')) do
    local older_critical, outcome = unpack(redis.call('HMGET', incidents.keys.wake .. older, 'firstCritical', 'outcome'))
    if older_critical and not outcome then return true, id end
  end
  return false, id
end

-- The wake whose message Slack accepted for the incident, nil if that is this wake. Then the state of the incident, and whether that
-- message is of its current opening.
local function message_before(incidents, incident, wake_id)
  local state, message, message_of, notified, started = unpack(redis.call(
    'HMGET', incidents.keys.incident .. incident, 'state', 'message', 'messageOf', 'notifiedAt', 'startedAt'))
  local before = message and message_of ~= wake_id and message_of or nil
  return before, state, tonumber(notified or '0') >= tonumber(started or '0')
end

-- The wake whose message stands for this one: its incident is acknowledged or snoozed, and Slack has accepted that message.
local function quiet_for(incidents, record_key, wake_id)
  local needs, incident = needs_message(incidents, record_key)
  if needs or not incident then return nil end
  local before, state = message_before(incidents, incident, wake_id)
  return (state == 'acknowledged' or state == 'snoozed') and before or nil
end

-- The same at the time to send it, when also a hold counts. Without a message that stands for the wake, returns the end of the hold for
-- which it must wait, if there is one.
local function quiet_or_held(incidents, record_key, wake_id, is_critical, now)
  local held = held_until(incidents.keys.hold, now)
  if not held then return quiet_for(incidents, record_key, wake_id) end
  local needs, incident = needs_message(incidents, record_key)
  -- Without incidents each critical wake stands alone.
  if needs or (not incident and is_critical) then return nil end
  if incident then
    local before, _, is_current = message_before(incidents, incident, wake_id)
    -- Nobody knows yet that an incident was reopened.
    if before and is_current then return before end
  end
  return nil, held
end

-- Closes the pair's incident, ends its window, and removes its firing instances. Sets the field `mark` of each wake without an outcome
-- to `at`, so that workers withdraw it. If `mark` is `recoveredAt`, the last wake gets it even if it was sent: the console shows it.
local function close_incident(incidents, pair, reason, mark, at, now, index, counters_key, events_key)
  local keys = incidents.keys
  local set = keys.firing .. pair
  local wakes = set .. ':wakes'
  local ids = redis.call('LRANGE', wakes, 0, -1)
  redis.call('DEL', set, wakes, keys.buffered .. pair)
  for i, id in ipairs(ids) do
    local record = keys.wake .. id
    local enqueued, outcome, critical = unpack(redis.call('HMGET', record, 'enqueuedAt', 'outcome', 'firstCritical'))
    if enqueued and (not outcome or (i == #ids and mark == 'recoveredAt')) then redis.call('HSET', record, mark, at) end
    -- It is still to be sent, so a later close concerns it too.
    if enqueued and not outcome and critical and mark == 'recoveredAt' then
      redis.call('RPUSH', wakes, id)
      redis.call('EXPIRE', wakes, incidents.ttlS)
    end
  end
  local holder = redis.call('GET', keys.dedup .. pair)
  if holder then release_window(index, pair, keys.dedup .. pair, holder) end
  local id = redis.call('GET', keys.of .. pair)
  if not id then return end
  local key = keys.incident .. id
  local state, opening, started, rows = unpack(redis.call('HMGET', key, 'state', 'opening', 'startedAt', 'rows'))
  if not state or state == 'closed' then return end
  redis.call('HSET', key, 'state', 'closed', 'closedAt', now, 'closeReason', reason)
  redis.call('HDEL', key, 'snoozedUntil', 'snoozedFrom', 'remindFrom', 'escalateFrom')
  redis.call('EXPIRE', key, incidents.ttlS)
  redis.call('ZREM', keys.open, id)
  change_others(incidents, id)
  redis.call('HINCRBY', counters_key, 'incidents:closed:' .. reason, 1)
  redis.call('HINCRBY', counters_key, 'incidents:duration:ms', now - started)
  queue_row(incidents, 'incident.closed', {
    id = id, opening = tonumber(opening), pair = pair, wakeId = redis.call('HGET', key, 'lastWakeId'),
    reason = reason, durationMs = now - started, rows = tonumber(rows),
  })
  mark_changed(incidents, id, reason == 'resolved' and BY_PERSON or BY_STATE)
  publish_incident(events_key, 'incident.closed', id, pair, 'reason', reason)
  local storm = redis.call('HGET', key, 'storm')
  if storm then count_open_members(incidents, storm, -1, now) end
end
