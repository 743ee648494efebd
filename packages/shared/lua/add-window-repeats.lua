-- Adds windows to the index of repeats if they are only in the index of names. A commit may have added them since their
-- wakes were read: then they stay as they are.
-- KEYS: the four keys of the index of windows, then a deduplication key and a wake record per window.
-- ARGV: a deduplication id and the id of the wake that holds the window, per window.
-- @include lib/windows
local index = {unpack(KEYS, 1, 4)}
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('ZSCORE', index[1], id) and redis.call('ZADD', index[3], 'NX', 0, id) == 1 then
    copy_repeats(index, id, KEYS[i + 4], KEYS[i + 5], ARGV[i + 1])
  end
end
