-- The statistics: two hashes for each UTC day (owner: store/stats.ts, which explains their values). `stats` is the argument that
-- `statsArgs` makes.

-- Pairs that are read and written with one command.
local STATS_CHUNK = 1000
-- A name of a pair contains a colon, so these are none.
local OTHER_PAIRS = 'other'
local ALL_PAIRS = 'all'

local function stats_key(stats, at) return stats.key .. string.format('%d', math.floor(at / 86400000)) end

-- Adds amounts, a table by name, to a stored value. `hour` stands before the name of wakes, `hour_of_others` before other names.
local function add_amounts(value, amounts, hour, hour_of_others)
  for name, amount in pairs(amounts) do
    local label = ' ' .. (name == 'w' and hour or hour_of_others) .. name .. '='
    local _, last = string.find(value, label, 1, true)
    local before = last and string.match(value, '^-?%d+', last + 1) or ''
    local sum = string.format('%.0f', (tonumber(before) or 0) + amount)
    if last then
      value = string.sub(value, 1, last) .. sum .. string.sub(value, last + #before + 1)
    else
      value = value .. label .. sum
    end
  end
  return value
end

local function write_amounts(key, names, values, amounts, ...)
  if #names == 0 then return end
  local changes = {}
  for i, name in ipairs(names) do
    changes[2 * i - 1] = name
    changes[2 * i] = add_amounts(values[i] or '', amounts[i], ...)
  end
  redis.call('HSET', key, unpack(changes))
end

local function sum_up(sums, amounts)
  for name, amount in pairs(amounts) do sums[name] = (sums[name] or 0) + amount end
end

-- Adds amounts to the hour of the time `at` (ms). `list`: {pair, amounts}, each pair once. The pairs of a day are never removed, so a
-- pair that is counted under the name of the others stays there until the end of the day.
local function add_stats(stats, at, list)
  if #list == 0 then return end
  local day, hour = stats_key(stats, at), string.format('%d', math.floor(at % 86400000 / 3600000))
  local hours = day .. ':hours'
  local stored = redis.call('HLEN', day)
  local all, others = {}, {}
  for first = 1, #list, STATS_CHUNK do
    local asked, names, values, amounts = {}, {}, {}, {}
    for i = first, math.min(first + STATS_CHUNK - 1, #list) do asked[#asked + 1] = list[i].pair end
    for i, value in ipairs(redis.call('HMGET', day, unpack(asked))) do
      local own = list[first + i - 1].amounts
      sum_up(all, own)
      if not value and stored >= stats.maxPairs then
        sum_up(others, own)
      else
        if not value then stored = stored + 1 end
        names[#names + 1], values[#values + 1], amounts[#amounts + 1] = asked[i], value, own
      end
    end
    write_amounts(day, names, values, amounts, hour, '')
    if #names > 0 then write_amounts(hours, names, redis.call('HMGET', hours, unpack(names)), amounts, hour, hour) end
  end
  if next(others) then
    write_amounts(day, {OTHER_PAIRS}, redis.call('HMGET', day, OTHER_PAIRS), {others}, hour, '')
    write_amounts(hours, {OTHER_PAIRS}, redis.call('HMGET', hours, OTHER_PAIRS), {others}, hour, hour)
  end
  write_amounts(hours, {ALL_PAIRS}, redis.call('HMGET', hours, ALL_PAIRS), {all}, hour, hour)
  redis.call('EXPIRE', day, stats.ttlS)
  redis.call('EXPIRE', hours, stats.ttlS)
end

-- Collects an amount of a pair in `collected`, which begins as {list = {}, of = {}}. Its list is for add_stats.
local function collect_stat(collected, pair, name, amount)
  local amounts = collected.of[pair]
  if not amounts then
    amounts = {}
    collected.of[pair] = amounts
    collected.list[#collected.list + 1] = {pair = pair, amounts = amounts}
  end
  amounts[name] = (amounts[name] or 0) + amount
end

local function count_outcome(stats, record_key, pair, outcome, at)
  add_stats(stats, at, {{pair = pair, amounts = {['o:' .. outcome] = 1}}})
  redis.call('HSET', record_key, 'outcomePair', pair)
end

-- Takes back an amount in the hour in which it was counted, unless that day is not stored any more.
local function take_back_stat(stats, at, pair, name)
  if redis.call('EXISTS', stats_key(stats, at)) == 1 then add_stats(stats, at, {{pair = pair, amounts = {[name] = -1}}}) end
end

-- Takes back an outcome. An outcome that an earlier release recorded was not counted.
local function uncount_outcome(stats, record_key, outcome)
  local pair, at = unpack(redis.call('HMGET', record_key, 'outcomePair', 'outcomeAt'))
  redis.call('HDEL', record_key, 'outcomePair')
  if pair and tonumber(at) then take_back_stat(stats, tonumber(at), pair, 'o:' .. outcome) end
end

-- Counts the report of a wake once. A later report of the wake replaces its verdict; its cost is added. `report`: {verdict (or
-- absent), microUsd}.
local function count_report(stats, record_key, pair, report, at)
  local stat = (report.verdict or '') .. ' ' .. string.format('%.0f', report.microUsd) .. ' '
  local before = redis.call('HGET', record_key, 'reportStat') or ''
  if string.sub(before, 1, #stat) == stat then return end
  local verdict, before_at = string.match(before, '^(%l+) %d+ (%d+)$')
  if verdict then take_back_stat(stats, tonumber(before_at), pair, 'v:' .. verdict) end
  local amounts = {u = report.microUsd}
  if report.verdict then amounts['v:' .. report.verdict] = 1 end
  add_stats(stats, at, {{pair = pair, amounts = amounts}})
  redis.call('HSET', record_key, 'reportStat', stat .. string.format('%.0f', at))
end
