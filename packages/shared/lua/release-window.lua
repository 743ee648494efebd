-- Closes the window that a wake opened, unless a later wake holds it now.
-- KEYS: deduplication key, then the four keys of the index of windows. ARGV: wake id, deduplication id.
-- Returns 1 if the window was closed, else 0.
-- @include lib/windows
return release_window({unpack(KEYS, 2, 5)}, ARGV[2], KEYS[1], ARGV[1]) and 1 or 0
