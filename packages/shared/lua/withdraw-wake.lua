-- Ends a wake as withdrawn if it has recovered before it was sent, and closes its window: the next row of the pair is news.
-- KEYS: wake record, counters, pending wakes, events, deduplication key, 6 to 9 the index of windows.
-- ARGV: {id, pair, at (ms), ttlS, isLookedUp, stats: see store/stats.ts} as JSON, then the event's type, names and values in turn.
-- Returns 2 if this call ended the wake, 1 if it was withdrawn before, else 0. A claimed wake may be in Slack: it is only
-- withdrawn if a look-up did not find it.
-- @include lib/events
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
local args = cjson.decode(ARGV[1])
local outcome, claimed = unpack(redis.call('HMGET', KEYS[1], 'outcome', 'claimedAt'))
if outcome ~= 'withdrawn' then
  if not is_over(KEYS[1]) or (claimed and not args.isLookedUp) then return 0 end
  redis.call('HDEL', KEYS[1], 'claimedAt', 'firstClaimedAt')
  end_wake(KEYS[1], KEYS[2], KEYS[3], 'withdrawn', args)
  publish_event(KEYS[4], unpack(ARGV, 2))
end
release_window({unpack(KEYS, 6, 9)}, args.pair, KEYS[5], args.id)
return outcome == 'withdrawn' and 1 or 2
