-- Begins a delivery: claims the wake if it has no outcome and no claim yet, so that any later attempt knows that Slack may
-- have the message. A wake that is over is not claimed, because it is not to be sent. A dead letter that is tried again loses its outcome first.
-- KEYS: wake record, counters, pending wakes, time of the last data loss. ARGV: wake id, time (ms), ttl of a record (s).
-- Returns the outcome, the claim's two times (empty if there was none), Redis's time (ms), the time of the last data loss,
-- when the wake's pair recovered (ms; empty if it did not), and 1 if the wake is over, else 0.
-- @include lib/clock
-- @include lib/wake_record
reopen_dead_letter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2])
local outcome, claimed, first, recovered =
  unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt', 'recoveredAt'))
local over = is_over(KEYS[1])
local now = redis_now()
local data_lost_at = redis.call('GET', KEYS[4]) or '0'
if not outcome and (claimed or not over) then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or ARGV[2], 'firstClaimedAt', first or ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {outcome or '', claimed or '', first or '', now, data_lost_at, recovered or '', over and 1 or 0}
