-- Adds one entry to the event stream (owner: store/events.ts). About the last 10,000 entries are kept.
local function publish_event(events_key, type, ...)
  redis.call('XADD', events_key, 'MAXLEN', '~', 10000, '*', 'type', type, ...)
end
