-- Notices (owner: store/notices.ts, which lists the fields): messages of an incident that belong to no wake.
-- `incidents` is the argument that `incidentArgs` makes.

-- Creates a notice once, unless it exists. `to` is empty for the operator. Returns its id.
local function create_notice(incidents, incident_id, kind, number, to, now)
  local keys = incidents.keys
  local opening = redis.call('HGET', keys.incident .. incident_id, 'opening')
  -- The id of a storm stays whole: an incident may have the same letters after its `i-`.
  local subject = string.gsub(incident_id, '^i%-', '')
  local id = 'n-' .. subject .. '-' .. kind .. '-' .. number
  if redis.call('HSETNX', keys.notice .. id, 'incident', incident_id) == 0 then return id end
  redis.call('HSET', keys.notice .. id, 'kind', kind, 'opening', opening, 'to', to, 'createdAt', now)
  redis.call('EXPIRE', keys.notice .. id, incidents.ttlS)
  redis.call('ZADD', keys.pendingNotices, now, id)
  redis.call('ZADD', keys.unqueuedNotices, now, id)
  redis.call('HINCRBY', keys.counters, 'notices:created', 1)
  return id
end

-- The same with the next number of the incident.
local function create_next_notice(incidents, incident_id, kind, now)
  local number = redis.call('HINCRBY', incidents.keys.incident .. incident_id, 'notices', 1)
  return create_notice(incidents, incident_id, kind, number, '', now)
end

-- Takes back the outcome of a notice that failed for good and is tried again.
local function reopen_dead_notice(incidents, id, now)
  local keys = incidents.keys
  if redis.call('HGET', keys.notice .. id, 'outcome') ~= 'dead' then return end
  redis.call('HDEL', keys.notice .. id, 'outcome', 'failure')
  redis.call('ZADD', keys.pendingNotices, now, id)
  redis.call('HINCRBY', keys.counters, 'notices:dead', -1)
end
