-- Reads INFO. The key makes a cluster ask the node that holds our keys.
-- KEYS: any of our keys. ARGV: section, or nothing for the default sections.
-- Returns the text of INFO.
return redis.call('INFO', unpack(ARGV))
