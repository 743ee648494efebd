-- Takes back the outcome of a notice that failed for good and is tried again.
-- KEYS: notice. ARGV: {id, at (ms), incidents: see store/incidents.ts} as JSON.
-- @include lib/notices
local args = cjson.decode(ARGV[1])
reopen_dead_notice(args.incidents, args.id, args.at)
