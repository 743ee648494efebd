-- Closes windows right before critical wakes that bypass them are added. If the job of the wake
-- exists already, its row is a replay: the open window belongs to it or to a later wake, so it stays.
-- KEYS: pairs of deduplication key and job key.
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('DEL', KEYS[i]) end
end
