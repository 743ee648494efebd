-- Decides whether a wake is investigated, if its rule says `reinvestigate: on_change`.
-- KEYS: wake record.
-- ARGV: {id, issue (hash of severity, title and detail), instead (a wake whose investigation nobody makes any more, or empty), ttlS,
-- incidents: see store/incidents.ts} as JSON.
-- Returns {claimed}; {busy, wake} if a wake with the same issue is being investigated; or {repeated, wake, its report, end of its
-- investigation (ms), begin of the opening (ms)} if the newest investigated wake of the open incident has the same issue.
local args = cjson.decode(ARGV[1])
local keys = args.incidents.keys
local id = redis.call('HGET', KEYS[1], 'incident')
if not id then return {'claimed'} end
local key = keys.incident .. id
local state, started, last, other = unpack(redis.call('HMGET', key, 'state', 'startedAt', 'investigatedOf', 'investigatingOf'))
if not state or state == 'closed' then return {'claimed'} end
if last and last ~= args.id then
  local issue, report, at = unpack(redis.call('HMGET', keys.wake .. last, 'issue', 'report', 'investigatedAt'))
  if issue == args.issue and report and at then return {'repeated', last, report, at, started} end
end
if other and other ~= args.id and other ~= args.instead then
  local issue, report, outcome = unpack(redis.call('HMGET', keys.wake .. other, 'issue', 'report', 'outcome'))
  if issue == args.issue and not report and not outcome then return {'busy', other} end
end
redis.call('HSET', KEYS[1], 'issue', args.issue)
redis.call('EXPIRE', KEYS[1], args.ttlS)
redis.call('HSET', key, 'investigatingOf', args.id)
return {'claimed'}
