-- Reads what a worker must know before it investigates a wake.
-- KEYS: wake record. ARGV: {id, isCritical, incidents: see store/incidents.ts} as JSON.
-- Returns 1 if the tailer's commit recorded the wake, 1 if the wake is over, 1 if it was a dead letter, the wake whose message stands
-- for it (empty if it needs its own), the earliest time to send it (ms, 0: at once), the end of the hold for which its message waits
-- (ms, 0: none), the storm to which it belongs (empty if it needs its own message), 1 if it is to be investigated for that storm, and 1
-- if the digest of the storm was sent.
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
local enqueued, outcome, retried, not_before, storm =
  unpack(redis.call('HMGET', KEYS[1], 'enqueuedAt', 'outcome', 'retriedAt', 'notBefore', 'storm'))
local now = redis_now()
local _, held
-- Without a hold, quiet_or_held would read the same again.
if held_until(args.incidents.keys.hold, now) then
  _, held = quiet_or_held(args.incidents, KEYS[1], args.id, args.isCritical, now)
end
local leads, is_sent = 0, 0
if storm then
  -- It was ended with the digest, if it does not wait for it. A person who retries it wants its own message.
  if not (park_member(args.incidents, args.id) or (outcome and not retried)) then storm = nil end
  local leader, digest_at = unpack(redis.call('HMGET', args.incidents.keys.incident .. (storm or ''), 'leader', 'digestAt'))
  if leader == args.id then leads = 1 end
  if digest_at then is_sent = 1 end
end
return {
  enqueued and 1 or 0,
  (outcome == 'withdrawn' or is_over(KEYS[1])) and 1 or 0,
  (outcome == 'dead' or retried) and 1 or 0,
  quiet_for(args.incidents, KEYS[1], args.id) or '',
  tonumber(not_before or '0'),
  held or 0,
  storm or '',
  leads,
  is_sent,
}
