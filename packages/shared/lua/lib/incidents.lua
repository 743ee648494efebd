-- The incidents (owner: store/incidents.ts, which lists the fields). `incidents` is the argument that `incidentArgs` makes.
-- Include clock, events and windows before it.

local SEVERITY_RANK = {info = 1, warning = 2, critical = 3}

-- Rows for the audit log. A worker writes them. Without a worker for long, the newest 10,000 stay.
local function queue_row(incidents, seam, details)
  redis.call('RPUSH', incidents.keys.rows, cjson.encode({seam = seam, details = details}))
  redis.call('LTRIM', incidents.keys.rows, -10000, -1)
end

-- Priorities of a change of the message: what a person did, then openings and closes, then counts.
local BY_PERSON, BY_STATE, BY_COUNT = 1, 2, 3

-- The message of the incident no longer shows its state. A worker edits it.
local function mark_changed(incidents, id, priority)
  redis.call('HINCRBY', incidents.keys.incident .. id, 'changes', 1)
  local before = tonumber(redis.call('ZSCORE', incidents.keys.changed, id) or '9')
  if priority < before then redis.call('ZADD', incidents.keys.changed, priority, id) end
end

local function publish_incident(events_key, type, id, pair, ...)
  publish_event(events_key, type, 'incidentId', id, 'pair', pair, ...)
end

-- Begins an opening of the incident. `wake` is the record of its wake. A wake that reopens the incident soon after its last
-- notification waits, so that a flapping alert notifies once per window.
local function begin_opening(incidents, id, row, reopens, now, counters_key, events_key)
  local key = incidents.keys.incident .. id
  local opening = redis.call('HINCRBY', key, 'opening', 1)
  redis.call('HSET', key, 'state', 'firing', 'startedAt', now)
  redis.call('HDEL', key, 'closedAt', 'closeReason', 'by', 'snoozedUntil')
  if reopens then redis.call('HINCRBY', key, 'flaps', 1) end
  redis.call('HINCRBY', counters_key, 'incidents:opened', 1)
  queue_row(incidents, 'incident.opened', {id = id, opening = opening, pair = row.pair, wakeId = row.wakeId})
  publish_incident(events_key, 'incident.opened', id, row.pair, 'wakeId', row.wakeId)
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
  redis.call('HSET', key, 'lastWakeId', row.wakeId, 'lastRowAt', now)
  redis.call('HINCRBY', key, 'rows', 1)
  redis.call('HINCRBY', key, 'wakes', 1)
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
    redis.call('HDEL', key, 'by', 'snoozedUntil')
  elseif reopens and notified_at and notified_at + incidents.windowMs > now then
    redis.call('HSET', record, 'notBefore', notified_at + incidents.windowMs)
  end
end

-- Counts rows that were coalesced into a wake on its incident.
local function count_rows(incidents, record_key, rows, now)
  local id = redis.call('HGET', record_key, 'incident')
  if not id then return end
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

-- The wake whose message stands for this one: its incident is acknowledged or snoozed, and Slack has accepted that message. Nil if the
-- wake needs its own message: the first critical one, one that a person retries, and a claimed one, which Slack may already have.
local function quiet_for(incidents, record_key, wake_id)
  local id, critical, retried, claimed =
    unpack(redis.call('HMGET', record_key, 'incident', 'firstCritical', 'retriedAt', 'claimedAt'))
  if not id or critical or retried or claimed then return nil end
  local state, message, message_of = unpack(redis.call('HMGET', incidents.keys.incident .. id, 'state', 'message', 'messageOf'))
  local is_quiet = state == 'acknowledged' or state == 'snoozed'
  return is_quiet and message and message_of ~= wake_id and message_of or nil
end

-- Closes the pair's incident, ends its window, and removes its firing instances. Sets the field `mark` of each wake without an outcome
-- to `at`, so that workers withdraw it. If `mark` is `recoveredAt`, the last wake gets it even if it was sent: the console shows it.
local function close_incident(incidents, pair, reason, mark, at, now, index, counters_key, events_key)
  local keys = incidents.keys
  local set = keys.firing .. pair
  local wakes = set .. ':wakes'
  local ids = redis.call('LRANGE', wakes, 0, -1)
  for i, id in ipairs(ids) do
    local record = keys.wake .. id
    local enqueued, outcome = unpack(redis.call('HMGET', record, 'enqueuedAt', 'outcome'))
    if enqueued and (not outcome or (i == #ids and mark == 'recoveredAt')) then redis.call('HSET', record, mark, at) end
  end
  redis.call('DEL', set, wakes)
  local holder = redis.call('GET', keys.dedup .. pair)
  if holder then release_window(index, pair, keys.dedup .. pair, holder) end
  local id = redis.call('GET', keys.of .. pair)
  if not id then return end
  local key = keys.incident .. id
  local state, opening, started, rows = unpack(redis.call('HMGET', key, 'state', 'opening', 'startedAt', 'rows'))
  if not state or state == 'closed' then return end
  redis.call('HSET', key, 'state', 'closed', 'closedAt', now, 'closeReason', reason)
  redis.call('HDEL', key, 'snoozedUntil')
  redis.call('EXPIRE', key, incidents.ttlS)
  redis.call('ZREM', keys.open, id)
  redis.call('HINCRBY', counters_key, 'incidents:closed:' .. reason, 1)
  queue_row(incidents, 'incident.closed', {
    id = id, opening = tonumber(opening), pair = pair, wakeId = redis.call('HGET', key, 'lastWakeId'),
    reason = reason, durationMs = now - started, rows = tonumber(rows),
  })
  mark_changed(incidents, id, reason == 'resolved' and BY_PERSON or BY_STATE)
  publish_incident(events_key, 'incident.closed', id, pair, 'reason', reason)
end
