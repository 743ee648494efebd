-- Checks that the index of repeats has as many windows as the index of names. They differ after an update from a release
-- without this index, or if such a release uses the same Redis. Windows that were closed by it are still in the index of
-- repeats. Then the index is emptied, since nothing else would find them.
-- KEYS: the four keys of the index of windows.
-- Returns 1 if windows must be added to the index of repeats, else 0.
local names, repeats = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[3])
if names == repeats then return 0 end
if repeats > names then redis.call('UNLINK', KEYS[3], KEYS[4]) end
return 1
