--[[
claim: decides whether a worker may call the upstream for a generation, and writes the intent first.
keys:   1 root of our keys
args:   1 id  2 run  3 token made by the worker  4 worker  5 lease in ms  6 longest call in ms
        7 MAX_ATTEMPTS  8 MAX_UNKNOWN_CHARGES
answer: claimed, attempt number, attempts counted in this run, 1 if the model has worked before, request as JSON
        gone (no record) | done (settled, or an older run) | early, ms | busy, ms (another worker's call is open)
        held, ms, scope (upstream: by the breaker) | yield, ms (another one probes: it tripped the hold, or has an unknown charge) | settled, status (the limits are reached,
        or its time for a first call is over)
twice:  the same token answers as before; claimed opens no second attempt
arrows: queued -> processing, processing -> queued, processing -> needs_review, processing -> failed,
        queued -> needs_review, queued -> failed, queued -> canceled
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include verdict.lua
-- @include cancel-now.lua
-- @include dead-call.lua
-- @include holds.lua
-- @include breaker.lua
local id, run, token, worker = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local lease, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
local limits = { max_attempts = tonumber(ARGV[7]), max_unknown = tonumber(ARGV[8]) }
local g = load(id)
if not g then return { 'gone' } end
local now = clock()

local function claimed(a)
  local worked = redis.call('SISMEMBER', root .. 'models-that-worked', g.model)
  return { 'claimed', a.number, g.counted, worked, redis.call('HGET', g.key, 'request') }
end

local function settled()
  redis.call('HSET', g.key, 'settled_by', token)
  return { 'settled', g.status }
end

if g.token == token then return claimed(attempt_of(g, token)) end
if SETTLED[g.status] and redis.call('HGET', g.key, 'settled_by') == token then return { 'settled', g.status } end
if SETTLED[g.status] or g.run ~= run then return { 'done' } end
-- No call of a batch that is being canceled starts, wherever the cancel itself has got to.
local canceling = g.batch and redis.call('HGET', root .. 'b:' .. g.batch, 'canceling')
if canceling and g.status == 'queued' and not g.token then
  cancel_now(g, now)
  return settled()
end
if g.not_before > now then return { 'early', g.not_before - now } end
-- It has no pointer until `due` moves it, so this one is left from what Redis forgot.
if g.status == 'scheduled' then return { 'early', 1000 } end
local deadline = redis.call('ZSCORE', root .. 'deadlines', id)
if deadline and tonumber(deadline) <= now then
  expire(g, now)
  return settled()
end

if g.token then
  local lives = alive_for(g.worker, lease, now)
  -- An answer that waits for storage is paid for: nobody calls again for it, however long that takes.
  if g.answered then return { 'busy', lease } end
  if lives > 0 then return { 'busy', math.max(lives, 100) } end
  if close_dead_call(g, attempt_of(g, g.token), limits, now) then return settled() end
end
if judge_lowered_limits(g, limits, now) then return settled() end

-- It waits again, if the call of a dead worker was closed above.
local function waits(word, ms, scope)
  if g.status == 'processing' then transition(g, 'queued', now) end
  return { word, ms, scope }
end

if canceling then return waits('early', 1000) end

-- Out of the window meanwhile, which those need that may go on.
local function stands_aside(word, ms, scope)
  leave_line(g, now)
  park(g, now + ms)
  return waits(word, ms, scope)
end

local function held(ms, scope)
  if string.sub(scope, 1, 6) == 'model:' then return stands_aside('held', ask_again(ms, 'parked'), scope) end
  return waits('held', ms, scope)
end

-- A probe may end as unknown. For these that would be the second time, or the end of the run.
local function exposed(unknown, policy)
  return tonumber(unknown or '0') > 0 or policy ~= 'retry'
end

-- Somebody waits to whom a failed probe would do less harm.
local function another_may_probe()
  -- What is in line has not called in its run yet.
  local in_line = redis.call('ZCARD', root .. 'ready') - (redis.call('ZSCORE', root .. 'ready', g.id) and 1 or 0)
  if in_line > 0 then return true end
  for _, each in ipairs(redis.call('ZRANGE', root .. 'window', 0, 99)) do
    local f = redis.call('HMGET', root .. 'g:' .. each, 'status', 'unknown', 'policy', 'token')
    -- One with an open call of an earlier run waits for that call, not for its turn.
    if each ~= g.id and f[1] == 'queued' and not f[4] and not exposed(f[2], f[3]) then return true end
  end
  return false
end

-- All holds are asked before any probe is taken: one that is refused here must not use up another's.
local breaker = read_breaker()
local broken = breaker_wait(breaker, lease, now)
if broken > 0 then return held(broken, 'upstream') end
local probed = {}
for _, scope in ipairs({ 'account', 'model:' .. g.model }) do
  local h = read_hold(scope)
  if h then
    if probe_open(h, lease, now) then return held(1000, scope) end
    if h.next_probe_at > now then return held(h.next_probe_at - now, scope) end
    local others = redis.call('ZCARD', root .. 'window') - (redis.call('ZSCORE', root .. 'window', g.id) and 1 or 0)
    if h.yielded == token then return waits('yield', 500) end
    if h.tripped_by == g.id and others > 0 then
      -- Once: if nobody else takes the probe, it is this one's turn after all.
      redis.call('HDEL', hold_key(scope), 'tripped_by')
      redis.call('HSET', hold_key(scope), 'yielded', token)
      return waits('yield', 500)
    end
    probed[#probed + 1] = scope
  end
end
local keys_of_probe = {}
for _, scope in ipairs(probed) do keys_of_probe[#keys_of_probe + 1] = hold_key(scope) end
if breaker.since then keys_of_probe[#keys_of_probe + 1] = breaker_key end
if #keys_of_probe > 0 and exposed(g.unknown, g.policy) and another_may_probe() then return stands_aside('yield', 500) end
for _, each in ipairs(keys_of_probe) do
  redis.call('HSET', each, 'probe', token, 'probe_until', int(now + longest + 5000), 'prober', worker)
end

local a = open_attempt(g, token, worker, now)
write_intent(g, token, worker, now)
redis.call('HSETNX', g.key, 'started_at', int(now))
redis.call('HDEL', g.key, 'not_before', 'wait_reason')
if deadline then redis.call('ZREM', root .. 'deadlines', id) end
leave_line(g, now)
if g.status ~= 'processing' then transition(g, 'processing', now) end
return claimed(a)
