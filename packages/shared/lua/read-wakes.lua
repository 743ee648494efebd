-- Reads fields of the records of many wakes in one round trip.
-- KEYS: the records. ARGV: names of the fields.
-- Returns a list of values for each record in turn, with false for a field that it does not have; false for a record without a row.
local records = {}
for i, key in ipairs(KEYS) do
  records[i] = redis.call('HEXISTS', key, 'row') == 1 and redis.call('HMGET', key, unpack(ARGV))
end
return records
