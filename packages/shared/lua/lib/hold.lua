-- The hold (owner: store/hold.ts): hash with `startedAt` and `until` of the last one (ms), `by`, and `heldMs`, the length of all before.

-- End of the hold in force, ms, or nil.
local function held_until(key, now)
  local until_at = tonumber(redis.call('HGET', key, 'until') or '0')
  return until_at > now and until_at or nil
end

-- The clock of reminders and escalation, ms: it stands still during a hold.
local function unheld_now(key, now)
  local started, until_at, before = unpack(redis.call('HMGET', key, 'startedAt', 'until', 'heldMs'))
  if not started then return now end
  return now - tonumber(before or '0') - (math.min(now, tonumber(until_at)) - tonumber(started))
end
