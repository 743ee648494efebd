-- Sets snoozed incidents whose time is up to firing again.
-- KEYS: open incidents, events. ARGV: prefix of the incidents' keys.
-- Returns their number.
-- @include lib/clock
-- @include lib/events
local now = redis_now()
local ended = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do
  local key = ARGV[1] .. id
  local pair, until_at = unpack(redis.call('HMGET', key, 'pair', 'snoozedUntil'))
  if until_at and tonumber(until_at) <= now then
    redis.call('HSET', key, 'state', 'firing')
    redis.call('HDEL', key, 'snoozedUntil', 'by')
    publish_event(KEYS[2], 'incident.changed', 'incidentId', id, 'pair', pair, 'state', 'firing')
    ended = ended + 1
  end
end
return ended
