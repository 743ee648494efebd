-- Reads fields of the records of many wakes in one round trip. Records that are gone have none.
-- KEYS: the records. ARGV: names of the fields.
-- Returns the values of each record in turn; false for a field that it does not have.
local values = {}
for _, key in ipairs(KEYS) do
  for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV))) do values[#values + 1] = value end
end
return values
