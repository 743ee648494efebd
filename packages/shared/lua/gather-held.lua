-- Joins wakes that waited for a hold which is over into one digest, if there are many.
-- KEYS: jobs that a hold delayed, hold. ARGV: {min (wakes of fewer pairs are sent one by one), prefix (of the jobs), storms: see store/storms.ts} as JSON.
-- Returns the id of the storm, or ''.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
-- @include lib/incidents
-- @include lib/storms
local args = cjson.decode(ARGV[1])
local incidents = args.storms.incidents
local now = redis_now()
if held_until(KEYS[2], now) then return '' end
local members = {}
local is_known, pair_count = {}, 0
for _, job in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if string.sub(job, 1, #args.prefix) == args.prefix then
    local wake_id = string.sub(job, #args.prefix + 1)
    local incident = redis.call('HGET', incidents.keys.wake .. wake_id, 'incident')
    local pair = incident and redis.call('HGET', incidents.keys.incident .. incident, 'pair')
    if pair and can_join(incidents, wake_id, true) then
      members[#members + 1] = {pair = pair, id = wake_id}
      if not is_known[pair] then is_known[pair], pair_count = true, pair_count + 1 end
    end
  end
end
if pair_count < args.min then return '' end
table.sort(members, function(a, b) return a.id < b.id end)
return begin_storm(incidents, 'hold', members, '', now)
