-- Closes the window that a wake opened, unless a later wake holds it now.
-- KEYS: deduplication key, then the four keys of the index of windows. ARGV: wake id, deduplication id.
-- Returns 1 if the window was closed, else 0.
-- @include lib/windows
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
unindex_windows({unpack(KEYS, 2, 5)}, {ARGV[2]})
return 1
