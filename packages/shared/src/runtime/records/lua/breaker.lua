-- The breaker, one for all workers: after TRIP_AFTER calls in a row that did not get through, nobody calls
-- but one probe at a time, until an answer proves that the upstream can be reached.
local TRIP_AFTER = 5
-- Failures further apart than this are not one trouble.
local FORGET_AFTER = 600000
local breaker_key = root .. 'breaker'

-- `since` is nil while it is closed.
local function read_breaker()
  local f = redis.call('HMGET', breaker_key, 'failures', 'failed_at', 'since', 'interval', 'next_probe_at', 'probe',
    'probe_until', 'prober')
  return {
    failures = tonumber(f[1] or '0'), failed_at = tonumber(f[2] or '0'), since = tonumber(f[3] or ''),
    interval = tonumber(f[4] or '0'), next_probe_at = tonumber(f[5] or '0'), probe = f[6] or false,
    probe_until = tonumber(f[7] or '0'), prober = f[8],
  }
end

-- Milliseconds for which a call must wait; 0 when it may be made, as the probe if the breaker is open.
local function breaker_wait(b, lease, now)
  if not b.since then return 0 end
  if probe_open(b, lease, now) then return 1000 end
  return math.max(b.next_probe_at - now, 0)
end

-- The next probe comes twice as late after a failed one, and as late as before when this one learnt nothing.
local function probe_again(b, interval, now)
  redis.call('HSET', breaker_key, 'interval', int(interval), 'next_probe_at', int(now + interval))
  redis.call('HDEL', breaker_key, 'probe', 'probe_until', 'prober')
end

local function not_reached(a, reason, first, longest, now)
  local b = read_breaker()
  if b.since then
    -- Calls that were under way when it opened say nothing new.
    if b.probe == a.token then probe_again(b, math.min(b.interval * 2, longest), now) end
    return
  end
  local failures = now - b.failed_at > FORGET_AFTER and 1 or b.failures + 1
  redis.call('HSET', breaker_key, 'failures', failures, 'failed_at', int(now))
  if failures < TRIP_AFTER then return end
  redis.call('HSET', breaker_key, 'since', int(now), 'interval', int(first), 'next_probe_at', int(now + first),
    'reason', reason)
end

-- Only a call that was claimed after the breaker opened closes it. True when it did.
local function reached(a)
  local b = read_breaker()
  if b.since and b.probe ~= a.token and a.started_at <= b.since then return false end
  if b.since or b.failures > 0 then redis.call('DEL', breaker_key) end
  return b.since ~= nil
end

local function learnt_nothing(a, now)
  local b = read_breaker()
  if b.since and b.probe == a.token then probe_again(b, b.interval, now) end
end
