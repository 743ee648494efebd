-- Reserves the worst case of one LLM call, on the first budget tier that applies and has the money.
-- KEYS: spend of the month, reservations.
-- ARGV: {id, budget, lapseMs, keepS, tiers: [{from, amount}]} as JSON; money in micro-USD. `from`: spend at which a tier begins.
-- Returns the number of the tier, from 1, or 0 if no tier has enough money left.
-- @include lib/clock
local args = cjson.decode(ARGV[1])
local now = redis_now()
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local spent = tonumber(redis.call('HGET', KEYS[1], 'total') or '0')
local taken = spent
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  taken = taken + tonumber(string.match(member, ':(%d+)$'))
end
for tier, step in ipairs(args.tiers) do
  local following = args.tiers[tier + 1]
  local passed = following and spent >= following.from
  if args.budget == 0 or (not passed and taken + step.amount <= args.budget and spent < args.budget) then
    redis.call('HDEL', KEYS[1], 'refusedAt')
    redis.call('ZADD', KEYS[2], now + args.lapseMs, string.format('%s:%.0f', args.id, step.amount))
    return tier
  end
end
redis.call('HSET', KEYS[1], 'refusedAt', args.budget)
redis.call('EXPIRE', KEYS[1], args.keepS)
return 0
