-- Closes a debounce window and takes it out of the index.
-- KEYS: deduplication key, then the four keys of the index of windows. ARGV: deduplication id.
-- Returns the winner's job id and the ms that were left, as they were at this moment.
-- @include lib/windows
local winner = redis.call('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
unindex_windows({unpack(KEYS, 2, 5)}, {ARGV[1]})
return {winner, left}
