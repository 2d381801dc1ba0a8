-- The pace of starts, for all workers. After a refusal for the rate, starts go on at half the pace, and quicken with
-- each call that gets through: slowly once near the pace that was refused last. BullMQ spaces them, by `max` and
-- `duration` of its meta hash; the full rate, as the settings have it, stands in `rate`. Gaps are ms between starts.
local pace_key = root .. 'pace'
local QUICKER, CAREFUL, NEAR = 0.9, 0.99, 1.25
-- A hundred starts a second are as good as unlimited.
local LEAST_GAP = 10
-- In units of RETRY_BASE_MS, so that one setting scales all waits: at 2 s, six a minute for a start when the settings
-- know no rate, and never less than one a minute.
local UNKNOWN_RATE, SLOWEST = 5, 30

local function full_rate()
  local f = redis.call('HMGET', root .. 'rate', 'max', 'duration')
  if not f[1] then return nil end
  return { max = f[1], duration = f[2], gap = math.max(tonumber(f[2]) / tonumber(f[1]), LEAST_GAP) }
end

local function read_pace()
  local f = redis.call('HMGET', pace_key, 'gap', 'refused', 'at')
  if not f[1] then return nil end
  return { gap = tonumber(f[1]), refused = tonumber(f[2]), at = tonumber(f[3]) }
end

local function set_starts(max, duration)
  redis.call('HSET', root .. 'bull:generate:meta', 'max', max, 'duration', duration)
end

local function set_pace(gap)
  redis.call('HSET', pace_key, 'gap', string.format('%.3f', gap))
  -- Windows under 100 ms would cost more than they tell.
  local window = math.max(gap, 100)
  set_starts(int(math.floor(window / gap)), int(math.ceil(window)))
end

local function slow_down(a, base, now)
  local full, pace = full_rate(), read_pace()
  -- Calls that were under way at the last refusal say nothing new.
  if not full or (pace and a.started_at <= pace.at) then return end
  local first = full.gap > LEAST_GAP and full.gap * 2 or base * UNKNOWN_RATE
  local slowest = math.max(base * SLOWEST, full.gap * 2)
  redis.call('HSET', pace_key, 'refused', string.format('%.3f', pace and pace.gap or full.gap), 'at', int(now))
  set_pace(math.max(math.min(pace and pace.gap * 2 or first, slowest), LEAST_GAP))
end

-- A call was not refused for the rate.
local function speed_up(a)
  local pace = read_pace()
  if not pace or a.started_at <= pace.at then return end
  local full = full_rate()
  local gap = pace.gap * (pace.gap < pace.refused * NEAR and CAREFUL or QUICKER)
  if gap > full.gap then return set_pace(gap) end
  redis.call('DEL', pace_key)
  set_starts(full.max, full.duration)
end
