-- What becomes of an open run after an attempt that gave no song: the limits, as data decides.
-- limits: { max_attempts, max_unknown }; v: { counts, charge, error, message, upstream }
local function settle_error(g, code, cause, message, retryable, upstream)
  -- The cause is what went wrong, should the code say what has to be decided about it.
  local e = { code = code, message = message, retryable = retryable, cause = cause ~= code and cause or nil }
  if upstream ~= '' then e.upstream = cjson.decode(upstream) end
  redis.call('HSET', g.key, 'error', cjson.encode(e))
end

local function finish_without_song(g, status, code, v, now)
  settle_error(g, code, v.error, v.message, v.counts ~= 'ends_run', v.upstream)
  redis.call('HDEL', g.key, 'not_before', 'wait_reason', 'rl_since')
  leave_queue(g)
  transition(g, status, now)
end

-- `deadlines` knows who must start by when, until the first call.
local function expire(g, now)
  local v = { message = 'no call was started by the time that start_by names', upstream = '' }
  finish_without_song(g, 'canceled', 'expired', v, now)
end

-- True when the run ended.
local function judge(g, v, limits, now)
  if v.counts == 'ends_run' then
    finish_without_song(g, 'failed', v.error, v, now)
    return true
  end
  if v.counts == 'max_attempts' or v.counts == 'both_limits' then
    g.counted = redis.call('HINCRBY', g.key, 'counted', 1)
  end
  if v.counts == 'both_limits' then
    g.unknown = redis.call('HINCRBY', g.key, 'unknown', 1)
    if g.policy == 'fail' then
      finish_without_song(g, 'failed', v.error, v, now)
      return true
    end
    if g.policy == 'hold' or g.unknown >= limits.max_unknown or g.counted >= limits.max_attempts then
      finish_without_song(g, 'needs_review', v.charge == 'unknown' and 'unknown_charge' or v.error, v, now)
      return true
    end
  elseif v.counts == 'max_attempts' and g.counted >= limits.max_attempts then
    finish_without_song(g, 'failed', v.error, v, now)
    return true
  end
  return false
end

-- A call whose claim Redis had lost counts toward the run that is open now; the next claim judges that.
local function count_found(g, v)
  if SETTLED[g.status] then return end
  if v.counts == 'max_attempts' or v.counts == 'both_limits' then g.counted = redis.call('HINCRBY', g.key, 'counted', 1) end
  if v.counts == 'both_limits' then g.unknown = redis.call('HINCRBY', g.key, 'unknown', 1) end
end

-- While a generation waits an operator may lower the limits, and calls be found that Redis had forgotten. True
-- when that leaves it no further call.
local function judge_lowered_limits(g, limits, now)
  local v = { counts = 'both_limits', upstream = '', message = 'the limits leave no further call: they were lowered, or earlier calls were found' }
  if g.unknown > 0 and g.policy == 'fail' then
    finish_without_song(g, 'failed', 'unknown_charge', v, now)
  elseif g.unknown > 0 and (g.policy == 'hold' or g.unknown >= limits.max_unknown) then
    finish_without_song(g, 'needs_review', 'unknown_charge', v, now)
  elseif g.counted > 0 and g.counted >= limits.max_attempts then
    finish_without_song(g, 'failed', 'upstream_unavailable', v, now)
  end
  return SETTLED[g.status] or false
end
