-- Closes windows right before critical wakes that bypass them are added. A window stays if its wake's job exists already:
-- then the row is read a second time, and the window is its own or that of a later wake.
-- KEYS: pairs of deduplication key and job key.
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('DEL', KEYS[i]) end
end
