-- Takes windows out of the index whose deduplication key is gone. A tailer may have opened
-- such a window again since the ids were read: then it stays in the index.
-- KEYS: window names, window ends, then one deduplication key per id. ARGV: deduplication ids.
-- @include lib/windows
for i, id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 2]) == 0 then unindex_windows(KEYS[1], KEYS[2], {id}) end
end
