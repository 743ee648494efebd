-- Adds one event to the stream.
-- KEYS: events. ARGV: type, then names and values of its fields in turn.
-- @include lib/events
publish_event(KEYS[1], unpack(ARGV))
