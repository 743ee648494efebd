-- Reads what a worker must know before it investigates a wake.
-- KEYS: wake record. ARGV: {id, isCritical, incidents: see store/incidents.ts} as JSON.
-- Returns 1 if the tailer's commit recorded the wake, 1 if the wake is over, 1 if it was a dead letter, the wake whose message stands
-- for it (empty if it needs its own), the earliest time to send it (ms, 0: at once), and the end of the hold for which its message waits
-- (ms, 0: none).
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/wake_record
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local enqueued, outcome, retried, not_before = unpack(redis.call('HMGET', KEYS[1], 'enqueuedAt', 'outcome', 'retriedAt', 'notBefore'))
local now = redis_now()
local _, held
-- Without a hold, quiet_or_held would read the same again.
if held_until(args.incidents.keys.hold, now) then
  _, held = quiet_or_held(args.incidents, KEYS[1], args.id, args.isCritical, now)
end
return {
  enqueued and 1 or 0,
  (outcome == 'withdrawn' or is_over(KEYS[1])) and 1 or 0,
  (outcome == 'dead' or retried) and 1 or 0,
  quiet_for(args.incidents, KEYS[1], args.id) or '',
  tonumber(not_before or '0'),
  held or 0,
}
