-- Moves the checkpoint of a log to another id of the same log: version 0.2 used the resolved path, and paths change.
-- KEYS: 1 our lease, 2 our source, 3 the other source, 4 its lease, 5 sources.
-- ARGV: token, our path, our id, the other id.
-- Returns 1 if the checkpoint is ours now, else 0: the lease is lost, we have a checkpoint, or the other log is being followed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[4]) == 1 or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
if redis.call('HEXISTS', KEYS[2], 'position') == 1 then return 0 end
redis.call('RENAME', KEYS[3], KEYS[2])
redis.call('HSET', KEYS[2], 'path', ARGV[2])
redis.call('SREM', KEYS[5], ARGV[4])
redis.call('SADD', KEYS[5], ARGV[3])
return 1
