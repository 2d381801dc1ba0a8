-- Holds: account trouble stops the account ('account') or one model ('model:<name>'), fails nothing
-- and burns no attempt. One probe at a time finds out whether it is over.
local HOUR = 3600000

local function hold_key(scope)
  return root .. 'hold:' .. scope
end

local function read_hold(scope)
  local f = redis.call('HMGET', hold_key(scope), 'since', 'next_probe_at', 'interval', 'probe', 'probe_until', 'tripped_by',
    'yielded', 'prober')
  if not f[1] then return nil end
  return {
    scope = scope, since = tonumber(f[1]), next_probe_at = tonumber(f[2]), interval = tonumber(f[3]),
    probe = f[4] or false, probe_until = tonumber(f[5] or '0'), tripped_by = f[6], yielded = f[7], prober = f[8],
  }
end

local function set_hold(scope, id, code, reason, interval, now)
  local h = read_hold(scope)
  if h then
    -- Calls that were under way when the hold began say nothing new about it.
    return h
  end
  redis.call('HSET', hold_key(scope), 'scope', scope, 'code', code, 'reason', reason, 'since', int(now),
    'interval', int(interval), 'next_probe_at', int(now + interval), 'tripped_by', id)
  redis.call('SADD', root .. 'holds', scope)
  tell_operators('account.held', 'scope', scope, 'code', code, 'reason', reason)
  return read_hold(scope)
end

-- The probe met the same refusal: ask again later, twice as late, at most every hour.
local function probe_failed(h, code, reason, now)
  local interval = math.min(h.interval * 2, HOUR)
  redis.call('HSET', hold_key(h.scope), 'interval', int(interval), 'next_probe_at', int(now + interval),
    'code', code, 'reason', reason)
  redis.call('HDEL', hold_key(h.scope), 'probe', 'probe_until', 'prober')
end

-- The probe learnt nothing (no connection, a timeout): the next one is due after the same interval.
local function probe_unclear(h, now)
  redis.call('HSET', hold_key(h.scope), 'next_probe_at', int(now + h.interval))
  redis.call('HDEL', hold_key(h.scope), 'probe', 'probe_until', 'prober')
end

-- Those that BullMQ delays meanwhile ask again, five a second however many they are: so they soon see a probe that
-- somebody made due, and a hold that was lifted.
local function ask_again(ms, waiting)
  return math.min(ms, math.max(5000, redis.call('ZCARD', root .. waiting) * 200))
end

local function lift_hold(scope)
  redis.call('DEL', hold_key(scope))
  redis.call('SREM', root .. 'holds', scope)
  tell_operators('account.resumed', 'scope', scope)
end

-- Only a call that was claimed after the hold began proves that it is over. True when it was lifted.
local function lift_if_proven(scope, a)
  local h = read_hold(scope)
  if h and (h.probe == a.token or a.started_at > h.since) then
    lift_hold(scope)
    return true
  end
  return false
end
