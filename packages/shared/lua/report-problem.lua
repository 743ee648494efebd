-- Stores the current problem of a service and publishes a new one.
-- KEYS: problems, events. ARGV: service, {kind, code, message} as JSON.
-- The problem keeps its start as long as its kind stays the same.
-- @include lib/clock
-- @include lib/events
local service = ARGV[1]
local problem = cjson.decode(ARGV[2])
local now = redis_now()
local stored = redis.call('HGET', KEYS[1], service)
local before = stored and cjson.decode(stored) or {}
problem.since = before.kind == problem.kind and before.since or now
problem.at = now
redis.call('HSET', KEYS[1], service, cjson.encode(problem))
if before.kind ~= problem.kind or before.code ~= problem.code then
  publish_event(KEYS[2], 'problem.changed', 'service', service, 'code', problem.code)
end
