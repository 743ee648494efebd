-- Stores a wake's report and publishes the end of its investigation. The tailer's commit also writes the row and the
-- indexes, and may come later. Running it again changes nothing.
-- KEYS: wake record, its three indexes, events.
-- ARGV: {id, at (ms), ttlS, row (JSON), report (JSON), pair, verdict (or absent), microUsd, stats: see store/stats.ts} as JSON,
-- then names and values of the event's fields in turn.
-- @include lib/events
-- @include lib/stats
-- @include lib/wake_record
local args = cjson.decode(ARGV[1])
redis.call('HSET', KEYS[1], 'row', args.row, 'report', args.report, 'investigatedAt', args.at)
count_report(args.stats, KEYS[1], args.pair, args, args.at)
redis.call('EXPIRE', KEYS[1], args.ttlS)
index_wake({KEYS[2], KEYS[3], KEYS[4]}, args.id, args.at, args.ttlS)
publish_event(KEYS[5], 'investigation.ended', unpack(ARGV, 2))
