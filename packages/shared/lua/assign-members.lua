-- Assigns pairs to the message that will name them, unless another message names them.
-- KEYS: storm. ARGV: {id (of the storm), notice, pairs, storms: see store/storms.ts} as JSON.
local args = cjson.decode(ARGV[1])
local incidents = args.storms.incidents
local messages = incidents.keys.storm .. args.id .. ':messages'
for _, pair in ipairs(args.pairs) do redis.call('HSETNX', messages, pair, args.notice) end
redis.call('EXPIRE', messages, incidents.ttlS)
