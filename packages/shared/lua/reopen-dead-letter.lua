-- Takes back the outcome of a dead letter that a person retries.
-- KEYS: wake record, counters, pending wakes. ARGV: wake id, time (ms), stats as JSON: see store/stats.ts.
-- @include lib/stats
-- @include lib/wake_record
reopen_dead_letter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], cjson.decode(ARGV[3]))
