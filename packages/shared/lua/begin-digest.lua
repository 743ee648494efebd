-- Begins to send a digest, or a later part of one: ends the members that are over, and claims the notice if it has no outcome, no claim
-- yet, and others wait for it. A dead letter that is tried again is reopened first, with its members.
-- KEYS: notice, time of the last data loss. ARGV: {id, at (ms), storms: see store/storms.ts} as JSON.
-- Returns the outcome, the claim's two times (empty if there was none), Redis's time (ms), the time of the last data loss, the end of
-- the hold for which it waits (0: none), and 1 if the notice is needed.
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
local storms = args.storms
local incidents = storms.incidents
local now = redis_now()
local storm, kind = unpack(redis.call('HMGET', KEYS[1], 'incident', 'kind'))
if redis.call('HGET', KEYS[1], 'outcome') == 'dead' then
  reopen_dead_notice(incidents, args.id, now)
  revive_members(storms, storm, args.id, kind, now)
end
local outcome, claimed, first = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt'))
if not outcome then withdraw_members(storms, storm, now) end
local key = incidents.keys.incident .. storm
local message, state, critical_at, digest_at = unpack(redis.call('HMGET', key, 'message', 'state', 'criticalAt', 'digestAt'))
local has_critical = tonumber(critical_at or '0') > tonumber(digest_at or '0')
local is_wanted = count_waiting(incidents, storm) > 0
if kind == 'digest' then
  -- The members of a later digest may be named already. Then nobody was notified of the news, or the message is gone.
  local has_news = last_news(key) > tonumber(digest_at or '0')
  is_wanted = is_wanted or ((has_news or not message) and state ~= 'closed')
else
  is_wanted = message and true or false
end
local held = held_until(incidents.keys.hold, now)
if has_critical or kind ~= 'digest' then held = nil end
if is_wanted and held then redis.call('HSET', KEYS[1], 'isHeld', 1) end
if not outcome and (claimed or (is_wanted and not held)) then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or args.at, 'firstClaimedAt', first or args.at)
  redis.call('HSETNX', KEYS[1], 'begunAt', now)
end
return {
  outcome or '', claimed or '', first or '', now, redis.call('GET', KEYS[2]) or '0', held or 0, is_wanted and 1 or 0,
}
