-- Takes up to 1,000 windows that have ended out of the index and publishes an event for each.
-- KEYS: the four keys of the index of windows, then events.
-- Returns the number of windows taken out; 1,000 means that there may be more.
-- @include lib/clock
-- @include lib/events
-- @include lib/windows
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', redis_now(), 'LIMIT', 0, 1000)
if #ended == 0 then return 0 end
unindex_windows({unpack(KEYS, 1, 4)}, ended)
for _, id in ipairs(ended) do publish_event(KEYS[5], 'window.expired', 'pair', id) end
return #ended
