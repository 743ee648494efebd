-- Reads the statistics of a day as one text: the client takes several times as long for thousands of texts.
-- KEYS: statistics of the day, by pair or by pair and hour.
-- Returns fields and values in turn, with line feeds between them. Names are percent-encoded, so they contain none.
return table.concat(redis.call('HGETALL', KEYS[1]), '\n')
