-- Reads a part of the index of windows in lexical order.
-- KEYS: the four keys of the index of windows. ARGV: first and last id as for ZRANGEBYLEX, number of windows.
-- Returns deduplication id, number of repeats and end time (ms) in turn.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('ZSCORE', KEYS[3], id) or '0'
  found[#found + 1] = redis.call('ZSCORE', KEYS[2], id) or '0'
end
return found
