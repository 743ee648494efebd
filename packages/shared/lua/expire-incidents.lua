-- Closes incidents without a row for long. It does nothing while no tailer follows a log, and time before the last start of a tailer
-- does not count: rows may have been missed.
-- KEYS: open incidents, counters, events, 4 to 7 the index of windows, then checkpoint and lease of each source.
-- ARGV: {quietMs, senderQuietMs, incidents: see store/incidents.ts} as JSON.
-- Returns the number of closed incidents, at most 100.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/incidents
local args = cjson.decode(ARGV[1])
local now = redis_now()
local since
for i = 8, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 1 then
    since = math.max(since or 0, tonumber(redis.call('HGET', KEYS[i], 'followedSince')) or now)
  end
end
if not since then return 0 end
local prefix = args.incidents.keys.incident

local function has_unsent(pair)
  for _, id in ipairs(redis.call('LRANGE', args.incidents.keys.firing .. pair .. ':wakes', 0, -1)) do
    local record = args.incidents.keys.wake .. id
    if redis.call('EXISTS', record) == 1 and redis.call('HEXISTS', record, 'outcome') == 0 then return true end
  end
  return false
end

local closed = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - args.quietMs)) do
  local pair, has_sender, last_row, window = unpack(redis.call('HMGET', prefix .. id, 'pair', 'hasSender', 'lastRowAt', 'windowMs'))
  if not pair then
    -- Its record lapsed, because nothing changed it for 35 days.
    redis.call('ZREM', KEYS[1], id)
    redis.call('HINCRBY', KEYS[2], 'incidents:closed:expired', 1)
  else
    -- Repeats inside a long window are quiet, but the incident goes on.
    local quiet = math.max(has_sender and args.senderQuietMs or args.quietMs, tonumber(window or '0'))
    if math.max(tonumber(last_row) or 0, since) <= now - quiet and not has_unsent(pair) then
      close_incident(args.incidents, pair, 'expired', 'resolvedAt', now, now, {unpack(KEYS, 4, 7)}, KEYS[2], KEYS[3])
      closed = closed + 1
      if closed == 100 then break end
    end
  end
end
return closed
