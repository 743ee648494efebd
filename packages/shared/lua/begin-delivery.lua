-- Begins a delivery: claims the wake if it has no outcome and no claim yet, so that any later attempt knows that Slack may
-- have the message. A dead letter that is tried again loses its outcome first.
-- KEYS: wake record, counters, pending wakes, time of the last data loss. ARGV: wake id, time (ms), ttl of a record (s).
-- Returns the outcome, the claim's two times (empty if there was none), Redis's time (ms), and the time of the last data loss.
-- @include lib/clock
-- @include lib/wake_record
reopen_dead_letter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2])
local outcome, claimed, first = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt', 'firstClaimedAt'))
local now = redis_now()
local data_lost_at = redis.call('GET', KEYS[4]) or '0'
if not outcome then
  redis.call('HSET', KEYS[1], 'claimedAt', claimed or ARGV[2], 'firstClaimedAt', first or ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {outcome or '', claimed or '', first or '', now, data_lost_at}
