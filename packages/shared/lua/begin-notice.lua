-- Begins to send a notice: claims it if it has no outcome, no claim yet, and its incident still needs it.
-- A dead letter that is tried again loses its outcome first.
-- KEYS: notice, time of the last data loss, clicks are taken. ARGV: {id, at (ms), incidents: see store/incidents.ts} as JSON.
-- Returns the outcome, the claim's two times (empty if there was none), Redis's time (ms), the time of the last data loss, the end of
-- the hold or the snooze for which it waits (0: none), 1 if the incident needs the notice, the wake whose message it repeats, 1 if clicks
-- are taken, and 1 if that wake was investigated.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
reopen_dead_notice(args.incidents, args.id, args.at)
local outcome, claimed, first, incident, kind, opening, created =
  unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt', 'incident', 'kind', 'opening', 'createdAt'))
local state, now_opening, notified, message_of, last_wake, snoozed_until = unpack(redis.call('HMGET',
  args.incidents.keys.incident .. (incident or ''), 'state', 'opening', 'notifiedAt', 'messageOf', 'lastWakeId', 'snoozedUntil'))
local expected = kind == 'reminder' and 'acknowledged' or 'firing'
-- A message that was sent since has said it already.
local is_told = kind ~= 'escalation' and tonumber(notified or '0') > tonumber(created or '0')
local now = redis_now()
local held = held_until(args.incidents.keys.hold, now)
if kind == 'escalation' and state == 'snoozed' then
  -- A snooze delays an escalation, as a hold does.
  state = 'firing'
  if tonumber(snoozed_until or '0') > now then held = math.max(held or 0, tonumber(snoozed_until)) end
end
local is_wanted = state == expected and opening == now_opening and not is_told
local wake_id = message_of or last_wake or ''
local record = args.incidents.keys.wake .. wake_id
-- The investigation of the first wake may still run.
local is_storm = string.sub(incident or '', 1, 2) == 's-'
local is_ready = is_storm or redis.call('HEXISTS', record, 'report') == 1 or redis.call('HEXISTS', record, 'outcome') == 1
if not outcome and (claimed or (is_wanted and is_ready and not held)) then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or args.at, 'firstClaimedAt', first or args.at)
end
return {
  outcome or '', claimed or '', first or '', now, redis.call('GET', KEYS[2]) or '0', held or 0, is_wanted and 1 or 0,
  wake_id, redis.call('EXISTS', KEYS[3]), is_ready and 1 or 0,
}
