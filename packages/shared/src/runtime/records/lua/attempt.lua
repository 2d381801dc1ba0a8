-- Attempts: the paid-call journal inside the record. `a:<number>` holds one, `t:<token>` finds it.
local KEEP = 50

local function open_attempt(g, token, worker, now)
  local number = redis.call('HINCRBY', g.key, 'attempts_total', 1)
  local attempt = { number = number, run = g.run, token = token, worker = worker, started_at = now }
  redis.call('HSET', g.key, 'a:' .. number, cjson.encode(attempt), 't:' .. token, number)
  -- The last 50 are kept, and every one that cost or may have cost something.
  local old = number - KEEP
  if old > 0 then
    local text = redis.call('HGET', g.key, 'a:' .. old)
    if text then
      local a = cjson.decode(text)
      if a.charge == 'none' then redis.call('HDEL', g.key, 'a:' .. old, 't:' .. a.token) end
    end
  end
  return attempt
end

local function attempt_of(g, token)
  local number = redis.call('HGET', g.key, 't:' .. token)
  if not number then return nil end
  return cjson.decode(redis.call('HGET', g.key, 'a:' .. number))
end

local function save_attempt(g, a)
  local field = 'a:' .. string.format('%d', a.number)
  if g.batch then
    local before = redis.call('HGET', g.key, field)
    charge_in_batch(g.batch, g.model, before and cjson.decode(before).charge, a.charge)
  end
  redis.call('HSET', g.key, field, cjson.encode(a))
end

-- upstream: JSON text of what the upstream said, or ''.
local function close_attempt(g, a, outcome, charge, upstream, now)
  a.outcome = outcome
  a.charge = charge
  a.finished_at = now
  if upstream ~= '' then a.upstream = cjson.decode(upstream) end
  save_attempt(g, a)
end

-- Redis may have lost the claim of a call that was made: the attempt is written down again. True when it was.
local function attempt_or_found(g, token, worker, now)
  local a = attempt_of(g, token)
  if a then return a, false end
  a = open_attempt(g, token, worker, now)
  a.found = true
  return a, true
end

-- Whose call is open; `calls` knows all of them, by the time they began.
local function write_intent(g, token, worker, now)
  redis.call('HSET', g.key, 'token', token, 'worker', worker)
  redis.call('ZADD', root .. 'calls', int(now), g.id)
  g.token = token
end

local function clear_intent(g)
  redis.call('ZREM', root .. 'calls', g.id)
  redis.call('HDEL', g.key, 'token', 'worker', 'answered')
  if g.answered then redis.call('HDEL', g.key, 'wait_reason') end
  g.token = false
  g.answered = false
end
