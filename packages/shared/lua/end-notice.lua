-- Records the outcome of a notice once. One that Slack accepted is the newest message of its incident, unless it went to other people.
-- The wakes that wait for a digest end with it.
-- KEYS: notice. ARGV: {id, outcome, wakeId, posted (JSON, or absent), failure, isOthers, storms: see store/storms.ts} as JSON.
-- Returns 1 if this call recorded it, else 0; and the number of wakes that ended with a digest.
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
local incidents = args.storms.incidents
local keys = incidents.keys
local now = redis_now()
local before, incident, kind, begun_at = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'incident', 'kind', 'begunAt'))
redis.call('HDEL', KEYS[1], 'claimedAt', 'firstClaimedAt')
if not incident or (before and before ~= 'dead') or before == args.outcome then return {0, 0} end
redis.call('HSET', KEYS[1], 'outcome', args.outcome, 'failure', args.failure or '')
redis.call('ZREM', keys.pendingNotices, args.id)
redis.call('ZREM', keys.unqueuedNotices, args.id)
if args.outcome == 'sent' and args.isOthers then redis.call('HSETNX', keys.incident .. incident, 'escalatedAt', now) end
if before then redis.call('HINCRBY', keys.counters, 'notices:' .. before, -1) end
redis.call('HINCRBY', keys.counters, 'notices:' .. args.outcome, 1)
if args.posted then
  redis.call('HSET', KEYS[1], 'posted', args.posted)
  if args.isOthers then
    add_message_to_others(incidents, incident, args.posted, args.wakeId)
  elseif kind ~= 'digest_part' then
    set_message(incidents, incident, args.posted, args.wakeId, now)
    mark_changed(incidents, incident, BY_STATE)
  end
end
local ended = 0
if kind == 'digest' then
  local key = keys.incident .. incident
  if redis.call('HGET', key, 'digest') == args.id then redis.call('HDEL', key, 'digest') end
  if args.outcome == 'sent' then redis.call('HSET', key, 'digestAt', begun_at or now) end
  -- Without this, the next look would create one that is refused again.
  if args.outcome == 'dead' then redis.call('HSET', key, 'refusedAt', now) end
end
if kind == 'digest' or kind == 'digest_part' then
  if args.outcome == 'sent' then
    ended = name_members(args.storms, incident, args.id, args.posted and 'digest' or 'dry_run', now)
  elseif args.outcome == 'dead' then
    bury_members(args.storms, incident, args.id, kind, args.failure or '', now)
  end
  if args.outcome == 'withdrawn' then
    unassign(keys, incident, args.id)
    withdraw_members(args.storms, incident, now)
  end
  -- Wakes that joined meanwhile. With a message, its next edit names them.
  if count_waiting(incidents, incident) > 0 then create_due_digest(incidents, incident, now) end
end
return {1, ended}
