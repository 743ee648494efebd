-- Sets snoozed incidents whose time is up to firing again.
-- KEYS: open incidents, events. ARGV: {incidents: see store/incidents.ts} as JSON.
-- Returns their number.
-- @include lib/clock
-- @include lib/events
-- @include lib/windows
-- @include lib/incidents
local incidents = cjson.decode(ARGV[1]).incidents
local now = redis_now()
local ended = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do
  local key = incidents.keys.incident .. id
  local pair, until_at = unpack(redis.call('HMGET', key, 'pair', 'snoozedUntil'))
  if until_at and tonumber(until_at) <= now then
    redis.call('HSET', key, 'state', 'firing')
    redis.call('HDEL', key, 'snoozedUntil', 'by')
    mark_changed(incidents, id, BY_STATE)
    publish_incident(KEYS[2], 'incident.changed', id, pair, 'state', 'firing')
    ended = ended + 1
  end
end
return ended
