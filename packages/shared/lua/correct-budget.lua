-- Adds a correction by an operator to the spend of a month. A correction with an id that is stored already changes nothing.
-- KEYS: spend of the month, corrections of the month.
-- ARGV: {id, amount, most, kept, keepS, entry} as JSON; money in micro-USD. `entry`: the fields that are stored with it.
-- Returns {'applied' | 'repeated', correction as JSON}, or {'out_of_range', spend as text} if the spend would leave 0..most.
local args = cjson.decode(ARGV[1])
for _, stored in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local ok, correction = pcall(cjson.decode, stored)
  if ok and type(correction) == 'table' and correction.id == args.id then return {'repeated', stored} end
end
local spent = tonumber(redis.call('HGET', KEYS[1], 'total') or '0') or 0
local after = spent + args.amount
if after < 0 or after > args.most then return {'out_of_range', string.format('%.0f', spent)} end
-- As text, because cjson would write only 14 digits of a number.
local amount = string.format('%.0f', args.amount)
redis.call('HINCRBY', KEYS[1], 'total', amount)
redis.call('HINCRBY', KEYS[1], 'corrected', amount)
-- A refusal was for lack of money. After a lower spend, the next call decides again.
if args.amount < 0 then redis.call('HDEL', KEYS[1], 'refusedAt') end
local correction = args.entry
correction.id = args.id
correction.usd = amount
correction.spentUsd = string.format('%.0f', after)
local stored = cjson.encode(correction)
redis.call('LPUSH', KEYS[2], stored)
redis.call('LTRIM', KEYS[2], 0, args.kept - 1)
redis.call('EXPIRE', KEYS[1], args.keepS)
redis.call('EXPIRE', KEYS[2], args.keepS)
return {'applied', stored}
