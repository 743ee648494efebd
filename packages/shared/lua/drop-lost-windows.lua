-- Takes windows out of the index whose deduplication key is gone. A tailer may have opened
-- such a window again since the ids were read: then it stays in the index.
-- KEYS: the four keys of the index of windows, then one deduplication key per id. ARGV: deduplication ids.
-- @include lib/windows
local index = {unpack(KEYS, 1, 4)}
for i, id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 4]) == 0 then unindex_windows(index, {id}) end
end
