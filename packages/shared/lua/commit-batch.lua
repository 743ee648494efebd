-- Commits one batch of the log: position, counters, records, indexes and events change together. There are two
-- fences. The lease stops a tailer that was overtaken. The start position stops a commit that is sent twice because its answer
-- was lost.
-- KEYS: 1 lease, 2 source, 3 counters, 4 sources, 5 events, 6 pending wakes, 7 unreadable lines, 8 to 11 the index of windows;
-- then a wake record and the deduplication key of its pair for each winner, a deduplication key for each opened window, and
-- a wake record, the deduplication key of its pair and its three indexes for each enqueued wake.
-- ARGV: one JSON object:
--   token, from, to (positions as stored), path, name (may be empty), sourceId, now (ms), recordTtlS, hasRows, mayReplay,
--   unreadable: [lines as JSON texts, oldest first], maxUnreadable,
--   counters: [[name, amount]], suppressed: [{winner, pair, rows}], opened: [deduplication ids],
--   enqueued: [{id, row, pair, severity, title}], firing: see store/firing.ts; absent: recoveries are ignored,
--   ignored (number of recoveries if they are), counts: [{pair, was, rows, starts, forMs}] of buffered rows,
--   bufferedKey: prefix of their keys,
--   storm: {pairs, withinMs} of the policy, or absent, stats: see store/stats.ts, pairRows: [[pair, amounts by name]] of its other rows than suppressed ones
-- It also changes keys that only the stored data names: the firing instances of the pairs, and the records of their wakes.
-- Returns 1 if the batch is committed, now or before, 0 if the lease or the position is no longer ours, or -1 if the batch must be
-- decided again: rows were coalesced into a wake that was withdrawn, or whose incident was closed meanwhile, or another tailer has
-- changed a count of buffered rows.
-- @include lib/clock
-- @include lib/events
-- @include lib/hold
-- @include lib/notices
-- @include lib/windows
-- @include lib/stats
-- @include lib/wake_record
-- @include lib/incidents
-- @include lib/storms
-- @include lib/firing
-- @include lib/buffered
local batch = cjson.decode(ARGV[1])
if redis.call('GET', KEYS[1]) ~= batch.token then return 0 end
local stored = redis.call('HGET', KEYS[2], 'position') or ''
if stored == batch.to and batch.from ~= batch.to then return 1 end
if stored ~= batch.from then return 0 end
local index = {unpack(KEYS, 8, 11)}
if batch.firing and release_ended(batch.firing, index) then return -1 end
local incidents = batch.firing and batch.firing.incidents
if have_counts_changed(batch.bufferedKey, incidents, batch.counts) then return -1 end

local deciding = batch.mayReplay and '1' or '0'
redis.call('HSET', KEYS[2], 'position', batch.to, 'path', batch.path, 'name', batch.name, 'committedAt', batch.now, 'deciding', deciding)
redis.call('SADD', KEYS[4], batch.sourceId)
if batch.hasRows then redis.call('HSET', KEYS[2], 'lastRowAt', batch.now) end

for _, counter in ipairs(batch.counters) do
  local name, amount = counter[1], counter[2]
  redis.call('HINCRBY', KEYS[3], name, amount)
  local kind, reason = string.match(name, '^(%l+):(.+)')
  if kind == 'rejected' or kind == 'muted' then publish_event(KEYS[5], 'wake.' .. kind, 'reason', reason, 'count', amount) end
  if name == 'buffered' then publish_event(KEYS[5], 'wake.buffered', 'count', amount) end
end

for _, line in ipairs(batch.unreadable) do redis.call('LPUSH', KEYS[7], line) end
if #batch.unreadable > 0 then redis.call('LTRIM', KEYS[7], 0, batch.maxUnreadable - 1) end

local collected = {list = {}, of = {}}
local new_wakes = {}
local key = 12
for _, group in ipairs(batch.suppressed) do
  count_suppressed(KEYS[key], group.rows, batch.now, batch.recordTtlS)
  collect_stat(collected, group.pair, 's', group.rows)
  copy_repeats(index, group.pair, KEYS[key + 1], KEYS[key], group.winner)
  publish_event(KEYS[5], 'wake.coalesced', 'winner', group.winner, 'count', group.rows)
  key = key + 2
end

local now = redis_now()
for _, id in ipairs(batch.opened) do
  local left = redis.call('PTTL', KEYS[key])
  if left > 0 then
    index_window(index, id, now + left)
    publish_event(KEYS[5], 'window.opened', 'pair', id)
  end
  key = key + 1
end

for _, wake in ipairs(batch.enqueued) do
  if record_enqueued(KEYS[key], KEYS[6], wake.id, wake.row, batch.now, batch.recordTtlS) then
    redis.call('HINCRBY', KEYS[3], 'rows', 1)
    redis.call('HINCRBY', KEYS[3], 'enqueued', 1)
    collect_stat(collected, wake.pair, 'w', 1)
    if not wake.isTest then new_wakes[#new_wakes + 1] = {pair = wake.pair, id = wake.id} end
    publish_event(KEYS[5], 'wake.enqueued', 'wakeId', wake.id, 'pair', wake.pair, 'severity', wake.severity, 'title', wake.title)
    index_wake({KEYS[key + 2], KEYS[key + 3], KEYS[key + 4]}, wake.id, batch.now, batch.recordTtlS)
  else
    redis.call('HINCRBY', KEYS[3], 'replayed', 1)
  end
  copy_repeats(index, wake.pair, KEYS[key + 1], KEYS[key], wake.id)
  key = key + 5
end

for _, rows in ipairs(batch.pairRows) do
  for name, amount in pairs(rows[2]) do collect_stat(collected, rows[1], name, amount) end
end
add_stats(batch.stats, batch.now, collected.list)

store_counts(batch.bufferedKey, incidents, batch.counts)
if batch.ignored > 0 then redis.call('HINCRBY', KEYS[3], 'recovered:ignored', batch.ignored) end
if batch.firing then
  apply_firing(batch.firing, now, index, KEYS[3], KEYS[5])
  for i, group in ipairs(batch.suppressed) do
    local id = redis.call('HGET', KEYS[10 + 2 * i], 'incident')
    if id then count_rows(incidents, id, group.rows, now) end
  end
  if batch.storm then gather_storm(incidents, batch.storm, new_wakes, now) end
end
return 1
