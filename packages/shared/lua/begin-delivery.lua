-- Begins a delivery: claims the wake if it has no outcome and no claim yet, so that any later attempt knows that Slack may
-- have the message. A wake that is over, that another message stands for, or that waits for the end of a hold is not claimed. A dead
-- letter that is tried again loses its outcome first.
-- KEYS: wake record, counters, pending wakes, time of the last data loss, the wakes that wait for this one, clicks are taken.
-- ARGV: {id, at (ms), ttlS (of a record), isCritical, incidents: see store/incidents.ts, stats: see store/stats.ts} as JSON.
-- Returns the outcome, the claim's two times (empty if there was none), Redis's time (ms), the time of the last data loss,
-- when the wake's pair recovered (ms; empty if it did not), 1 if the wake is over, else 0, the wake whose message stands for it, 1 if
-- others wait for this one, the end of the hold for which it waits (ms; 0: none), and, if clicks are taken, the incident and its state;
-- empty if there is none. Then the storm for whose digest it waits, or empty: it is not claimed then.
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
reopen_dead_letter(KEYS[1], KEYS[2], KEYS[3], args.id, args.at, args.stats)
local outcome, claimed, first, recovered, incident =
  unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt', 'recoveredAt', 'incident'))
local over = is_over(KEYS[1])
local now = redis_now()
local stands_for, held
local storm = park_member(args.incidents, args.id)
if not outcome and not over and not storm then stands_for, held = quiet_or_held(args.incidents, KEYS[1], args.id, args.isCritical, now) end
if not outcome and not storm and not stands_for and not held and (claimed or not over) then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or args.at, 'firstClaimedAt', first or args.at)
  redis.call('EXPIRE', KEYS[1], args.ttlS)
end
local state = incident and redis.call('EXISTS', KEYS[6]) == 1 and redis.call('HGET', args.incidents.keys.incident .. incident, 'state')
return {
  outcome or '', claimed or '', first or '', now, redis.call('GET', KEYS[4]) or '0', recovered or '', over and 1 or 0,
  stands_for or '', redis.call('EXISTS', KEYS[5]), held or 0, state and incident or '', state or '',
  storm or '',
}
