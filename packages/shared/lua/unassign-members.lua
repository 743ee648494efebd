-- An edit of a part was refused for good: the pairs that only this edit names are assigned to another part.
-- KEYS: storm. ARGV: {id (of the storm), notice, storms: see store/storms.ts} as JSON.
local args = cjson.decode(ARGV[1])
local keys = args.storms.incidents.keys
local messages = keys.storm .. args.id .. ':messages'
local stored = redis.call('HGETALL', messages)
for i = 1, #stored, 2 do
  if stored[i + 1] == args.notice then redis.call('HDEL', messages, stored[i]) end
end
redis.call('HDEL', keys.incident .. args.id, 'part')
