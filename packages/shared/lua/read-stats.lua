-- Reads the statistics of a day. A script, because ioredis makes an object of the answer of HGETALL, which takes longer than all the rest.
-- KEYS: statistics of the day, by pair or by pair and hour.
-- Returns fields and values in turn.
return redis.call('HGETALL', KEYS[1])
