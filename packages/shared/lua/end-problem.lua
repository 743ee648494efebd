-- Ends the problem of a service, if it has one, and publishes that.
-- KEYS: problems, events. ARGV: service.
-- @include lib/events
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
  publish_event(KEYS[2], 'problem.changed', 'service', ARGV[1], 'code', '')
end
