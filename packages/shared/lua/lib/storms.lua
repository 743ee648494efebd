-- Storms (owner: store/storms.ts, which lists the fields). A storm is stored like an incident, under its id `s-…`. `storms` is the
-- argument that `stormArgs` makes.
-- Include clock, events, hold, notices, windows, stats, wake_record and incidents before it.

-- If critical wakes have joined, or the storm was over before, the digest is posted again at most once in this time, ms.
local DIGEST_EVERY = 300000
-- A storm grows until no new pair has joined for this many times the time within which it began.
local GROWTH = 5

-- Whether the wake can join a storm: nobody has sent it, and its incident has no message of its own. A wake that is to end as joined,
-- because a person takes care of its incident, cannot. `is_held`: it waited for a hold, so nobody knows yet that its incident is open
-- again: a message of an earlier opening does not stand for it.
local function can_join(incidents, wake_id, is_held)
  local record = incidents.keys.wake .. wake_id
  local incident, outcome, claimed, storm, retried, critical =
    unpack(redis.call('HMGET', record, 'incident', 'outcome', 'claimedAt', 'storm', 'retriedAt', 'firstCritical'))
  if not incident or outcome or claimed or storm or retried or is_over(record) then return false end
  local message, of_storm, state, notified_at, started_at =
    unpack(redis.call('HMGET', incidents.keys.incident .. incident, 'message', 'storm', 'state', 'notifiedAt', 'startedAt'))
  if not message then return true end
  if of_storm then return state == 'firing' or critical end
  return is_held and tonumber(notified_at or '0') < tonumber(started_at or '0')
end

-- A critical wake notifies, whatever a person said about the storm before.
local function join_critical(incidents, key, now)
  redis.call('HSET', key, 'criticalAt', now, 'state', 'firing')
  end_snooze(incidents, key, now)
  redis.call('HDEL', key, 'by', 'remindFrom')
  if redis.call('HEXISTS', key, 'escalatedAt') == 0 then
    redis.call('HSETNX', key, 'escalateFrom', unheld_now(incidents.keys.hold, now))
  end
end

-- The digest will be the newest message of an incident that was open before. Its own message is changed to say so.
local function replace_own_message(incidents, id)
  local key = incidents.keys.incident .. id
  local message, message_of = unpack(redis.call('HMGET', key, 'message', 'messageOf'))
  if not message then return end
  redis.call('HDEL', key, 'message', 'messageOf')
  edit_other_message(incidents, id, cjson.encode({message = message, wakeId = message_of}))
end

-- Makes the wake a member: it waits for a digest that names its pair. Returns whether the pair is new in the storm.
local function join_storm(incidents, id, pair, wake_id, now)
  local keys = incidents.keys
  local key, record = keys.incident .. id, keys.wake .. wake_id
  local incident, critical = unpack(redis.call('HMGET', record, 'incident', 'firstCritical'))
  local own = keys.incident .. incident
  local before, state, severity = unpack(redis.call('HMGET', own, 'storm', 'state', 'severity'))
  redis.call('HSET', record, 'storm', id)
  redis.call('HSET', keys.waiting, wake_id, id .. ' ' .. pair)
  if before ~= id then
    if before then mark_changed(incidents, before, BY_COUNT) else replace_own_message(incidents, incident) end
    redis.call('HSET', own, 'storm', id)
    if state ~= 'closed' then
      if before then count_open_members(incidents, before, -1, now) end
      if redis.call('HGET', key, 'state') == 'closed' then redis.call('HSET', key, 'reopenedAt', now) end
      count_open_members(incidents, id, 1, now)
    end
  end
  -- The storm is escalated as a whole.
  redis.call('HDEL', own, 'escalateFrom')
  local rank = SEVERITY_RANK[redis.call('HGET', key, 'severity')] or 0
  if (SEVERITY_RANK[severity] or 0) > rank then redis.call('HSET', key, 'severity', severity) end
  if critical then join_critical(incidents, key, now) end
  local pairs_key = keys.storm .. id
  local is_new = redis.call('ZADD', pairs_key, 'NX', redis.call('ZCARD', pairs_key), pair) == 1
  redis.call('EXPIRE', pairs_key, incidents.ttlS)
  redis.call('EXPIRE', key, incidents.ttlS)
  if redis.call('HEXISTS', key, 'message') == 1 then
    mark_changed(incidents, id, critical and BY_STATE or BY_COUNT)
  end
  return is_new
end

-- When something happened about which people are to be notified, ms: a critical wake has joined, or one after the storm was over.
local function last_news(key)
  local critical_at, reopened_at = unpack(redis.call('HMGET', key, 'criticalAt', 'reopenedAt'))
  return math.max(tonumber(critical_at or '0'), tonumber(reopened_at or '0'))
end

-- Creates the digest that the storm needs: the first one, or one for news.
local function create_due_digest(incidents, id, now)
  local key = incidents.keys.incident .. id
  local pending, message, digest_at, refused_at, notified_at =
    unpack(redis.call('HMGET', key, 'digest', 'message', 'digestAt', 'refusedAt', 'notifiedAt'))
  local is_new = last_news(key) > math.max(tonumber(digest_at or '0'), tonumber(refused_at or '0'))
  -- A digest that waits for the end of a hold must not keep a critical alert waiting.
  if pending and not (is_new and redis.call('HEXISTS', incidents.keys.notice .. pending, 'isHeld') == 1) then return end
  if message then
    if not is_new or now - tonumber(notified_at or '0') < DIGEST_EVERY then return end
  end
  redis.call('HSET', key, 'digest', create_next_notice(incidents, id, 'digest', now))
end

-- Begins a storm with these members: {pair, wake id}; its id is that of the last one. `cause`: storm or hold. `leader`: the wake whose job
-- makes the investigation, or ''.
local function begin_storm(incidents, cause, members, leader, now)
  local id = 's-' .. string.sub(members[#members].id, 3)
  redis.call('HSET', incidents.keys.incident .. id, 'state', 'firing', 'cause', cause, 'leader', leader, 'opening', 1, 'openedAt', now,
    'startedAt', now, 'severity', '', 'open', 0, 'escalateFrom', unheld_now(incidents.keys.hold, now))
  redis.call('ZADD', incidents.keys.openStorms, now, id)
  for _, member in ipairs(members) do join_storm(incidents, id, member.pair, member.id, now) end
  -- All of them may be over already.
  count_open_members(incidents, id, 0, now)
  create_due_digest(incidents, id, now)
  return id
end

-- Moves the wake that leads the investigation to the end: the newest one, because no worker has begun to investigate it, otherwise one
-- without a report. Returns it, or '' if the jobs of all have ended.
local function lead_last(incidents, members, wakes)
  local newness = {}
  for i, wake in ipairs(wakes) do newness[wake.id] = 1 + i end
  local best, rank = #members, 0
  for i, member in ipairs(members) do
    local has_report = redis.call('HEXISTS', incidents.keys.wake .. member.id, 'report') == 1
    local own = newness[member.id] or (has_report and 0 or 1)
    if own >= rank then best, rank = i, own end
  end
  members[best], members[#members] = members[#members], members[best]
  return rank > 0 and members[#members].id or ''
end

-- Lets the new wakes of a batch join the storm, or begins one. `rule`: {pairs, withinMs}; `wakes`: {pair, id}.
local function gather_storm(incidents, rule, wakes, now)
  local keys = incidents.keys
  if #wakes == 0 then return end
  for _, wake in ipairs(wakes) do redis.call('ZADD', keys.recentPairs, now, wake.pair) end
  redis.call('ZREMRANGEBYSCORE', keys.recentPairs, '-inf', '(' .. (now - rule.withinMs))
  redis.call('PEXPIRE', keys.recentPairs, rule.withinMs + 1000)
  local id = redis.call('GET', keys.currentStorm)
  local is_new = false
  if id then
    local has_joined = false
    for _, wake in ipairs(wakes) do
      if can_join(incidents, wake.id) then
        has_joined = true
        is_new = join_storm(incidents, id, wake.pair, wake.id, now) or is_new
      end
    end
    if has_joined then create_due_digest(incidents, id, now) end
  elseif redis.call('ZCARD', keys.recentPairs) >= rule.pairs then
    local members = {}
    for _, pair in ipairs(redis.call('ZRANGE', keys.recentPairs, 0, -1)) do
      for _, wake_id in ipairs(redis.call('LRANGE', keys.firing .. pair .. ':wakes', 0, -1)) do
        if can_join(incidents, wake_id) then members[#members + 1] = {pair = pair, id = wake_id} end
      end
    end
    if #members == 0 then return end
    local leader = lead_last(incidents, members, wakes)
    id = begin_storm(incidents, 'storm', members, leader, now)
    is_new = true
  end
  if is_new then redis.call('SET', keys.currentStorm, id, 'PX', GROWTH * rule.withinMs) end
end

-- Calls `change(wake id, pair)` for each wake that waits for a digest of the storm.
local function each_waiting(incidents, id, change)
  local waiting = redis.call('HGETALL', incidents.keys.waiting)
  for i = 1, #waiting, 2 do
    local storm, pair = string.match(waiting[i + 1], '^(%S+) (%S+)$')
    if storm == id then change(waiting[i], pair) end
  end
end

-- Ends a wake that waits, unless it has ended already. `fields`: for its record. Returns whether it ended now.
local function end_member(storms, wake_id, pair, outcome, fields, now)
  local keys = storms.incidents.keys
  local record = keys.wake .. wake_id
  redis.call('HDEL', keys.waiting, wake_id)
  redis.call('SREM', keys.parked, wake_id)
  if redis.call('HEXISTS', record, 'outcome') == 1 then return false end
  for name, value in pairs(fields) do redis.call('HSET', record, name, value) end
  end_wake(record, keys.counters, storms.pending, outcome, {id = wake_id, pair = pair, at = now, ttlS = storms.recordTtlS, stats = storms.stats})
  if outcome == 'withdrawn' then
    publish_event(storms.events, 'wake.withdrawn', 'wakeId', wake_id, 'pair', pair)
  elseif outcome == 'dead' then
    publish_event(storms.events, 'dm.dead', 'wakeId', wake_id, 'pair', pair, 'reason', cjson.decode(fields.failure).code)
  else
    publish_event(storms.events, 'dm.sent', 'wakeId', wake_id, 'pair', pair, 'outcome', outcome)
  end
  return true
end

-- Number of waiting wakes that are to be sent.
local function count_waiting(incidents, id)
  local count = 0
  each_waiting(incidents, id, function(wake_id)
    local record = incidents.keys.wake .. wake_id
    if redis.call('HEXISTS', record, 'outcome') == 0 and not is_over(record) then count = count + 1 end
  end)
  return count
end

-- Ends waiting wakes that are over. If a message is to name a pair, Slack may have it already, so its wakes are left.
local function withdraw_members(storms, id, now)
  local keys = storms.incidents.keys
  each_waiting(storms.incidents, id, function(wake_id, pair)
    local record = keys.wake .. wake_id
    local has_ended = redis.call('HEXISTS', record, 'outcome') == 1
    if has_ended or (is_over(record) and redis.call('HEXISTS', keys.storm .. id .. ':messages', pair) == 0) then
      end_member(storms, wake_id, pair, 'withdrawn', {}, now)
    end
  end)
end

-- No message of the notice will name the pairs that are assigned to it and not named yet.
local function unassign(keys, id, notice)
  local messages = keys.storm .. id .. ':messages'
  local stored = redis.call('HGETALL', messages)
  for i = 1, #stored, 2 do
    if stored[i + 1] == notice then redis.call('HDEL', messages, stored[i]) end
  end
end

-- Slack has accepted a message that names the pairs which are assigned to it: ends each waiting wake whose pair is named, also if it is
-- over by now. Returns the number of wakes that ended.
local function name_members(storms, id, notice, outcome, now)
  local incidents = storms.incidents
  local keys = incidents.keys
  local messages = keys.storm .. id .. ':messages'
  local posted = redis.call('HGET', keys.incident .. id, 'message')
  local named = {}
  local stored = redis.call('HGETALL', messages)
  for i = 1, #stored, 2 do
    local pair, by = stored[i], stored[i + 1]
    if by == notice then redis.call('HSET', messages, pair, '+' .. by) end
    named[pair] = by == notice or string.sub(by, 1, 1) == '+'
  end
  local ended = 0
  each_waiting(incidents, id, function(wake_id, pair)
    if not named[pair] then return end
    local fields = posted and {posted = posted, dmStatus = 'sent'} or {dmStatus = 'failed_send'}
    if end_member(storms, wake_id, pair, outcome, fields, now) then ended = ended + 1 end
    local incident = redis.call('HGET', keys.wake .. wake_id, 'incident')
    local own = keys.incident .. (incident or '')
    if posted and redis.call('HGET', own, 'storm') == id then
      redis.call('HSET', own, 'message', posted, 'messageOf', wake_id, 'notifiedAt', now)
    end
  end)
  return ended
end

-- The message failed for good: the wakes that wait for it are dead letters. For a digest these are all, for a later part those that it
-- names. A later wake of their pairs gets another message.
local function bury_members(storms, id, notice, kind, failure, now)
  local incidents = storms.incidents
  local key = incidents.keys.storm .. id
  each_waiting(incidents, id, function(wake_id, pair)
    if kind ~= 'digest' and redis.call('HGET', key .. ':messages', pair) ~= notice then return end
    local fields = {failure = cjson.encode({code = failure, attempts = 1}), dmStatus = 'failed_send'}
    if end_member(storms, wake_id, pair, 'dead', fields, now) then
      redis.call('HSET', key .. ':dead', wake_id, notice .. ' ' .. pair)
      redis.call('EXPIRE', key .. ':dead', incidents.ttlS)
    end
  end)
  unassign(incidents.keys, id, notice)
end

-- A person retries a message that failed for good: its wakes wait for it again.
local function revive_members(storms, id, notice, kind, now)
  local keys = storms.incidents.keys
  local key = keys.storm .. id
  local dead = redis.call('HGETALL', key .. ':dead')
  for i = 1, #dead, 2 do
    local wake_id = dead[i]
    local record = keys.wake .. wake_id
    local of, pair = string.match(dead[i + 1], '^(%S+) (%S+)$')
    if of == notice then
      redis.call('HDEL', key .. ':dead', wake_id)
      if redis.call('HGET', record, 'outcome') == 'dead' then
        reopen_dead_letter(record, keys.counters, storms.pending, wake_id, now, storms.stats)
        redis.call('HSET', keys.waiting, wake_id, id .. ' ' .. pair)
        redis.call('SADD', keys.parked, wake_id)
        if kind ~= 'digest' then redis.call('HSETNX', key .. ':messages', pair, notice) end
      end
    end
  end
  if kind == 'digest' then redis.call('HSET', keys.incident .. id, 'digest', notice) end
end

-- The storm for whose digest the wake waits, or nil. Its job ends meanwhile: from then on the wake counts as one that waits.
local function park_member(incidents, wake_id)
  local waiting = redis.call('HGET', incidents.keys.waiting, wake_id)
  if not waiting then return nil end
  redis.call('SADD', incidents.keys.parked, wake_id)
  return string.match(waiting, '^%S+')
end
