-- Records that a message of an incident shows its state.
-- KEYS: incident, older messages, changed incidents.
-- ARGV: incident id, the number of changes that the message shows, or '' for an older message, the older message (or '').
-- Returns 1 if all messages are current, else 0.
if ARGV[2] ~= '' then
  local shown = tonumber(redis.call('HGET', KEYS[1], 'shown') or '0')
  if tonumber(ARGV[2]) > shown then redis.call('HSET', KEYS[1], 'shown', ARGV[2]) end
else
  redis.call('LREM', KEYS[2], 1, ARGV[3])
end
local changes, shown = unpack(redis.call('HMGET', KEYS[1], 'changes', 'shown'))
if changes == shown and redis.call('LLEN', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[1])
  return 1
end
return 0
