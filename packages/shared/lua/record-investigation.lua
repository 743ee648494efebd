-- Stores a wake's report and publishes the end of its investigation. The tailer's commit also writes the row and the
-- indexes, and may come later. Running it again changes nothing. A repeated report is no investigation.
-- KEYS: wake record, its three indexes, events.
-- ARGV: {id, at (ms), ttlS, row (JSON), report (JSON), isRepeated, isOfStorm, issue (hash; empty without a diagnosis), pair, verdict (or absent),
-- microUsd, stats: see store/stats.ts, incidents: see store/incidents.ts} as JSON, then names and values of the event's fields in turn.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
redis.call('HSET', KEYS[1], 'row', args.row, 'report', args.report)
redis.call('EXPIRE', KEYS[1], args.ttlS)
index_wake({KEYS[2], KEYS[3], KEYS[4]}, args.id, args.at, args.ttlS)
if args.isRepeated then return end
redis.call('HSET', KEYS[1], 'issue', args.issue, 'investigatedAt', args.at)
count_report(args.stats, KEYS[1], args.pair, args, args.at)
-- A later wake of the pair must not repeat the diagnosis of a whole storm.
if not args.isOfStorm then set_investigated(args.incidents, KEYS[1], args.id) end
publish_event(KEYS[5], 'investigation.ended', unpack(ARGV, 2))
