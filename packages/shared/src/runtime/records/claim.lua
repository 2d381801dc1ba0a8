--[[
claim: decides whether a worker may call the upstream for a generation, and writes the intent first.
keys:   1 root of our keys
args:   1 id  2 run  3 token made by the worker  4 worker  5 lease in ms  6 longest call in ms
        7 MAX_ATTEMPTS  8 MAX_UNKNOWN_CHARGES
answer: claimed, attempt number, attempts counted in this run, 1 if the model has worked before, request as JSON
        gone (no record) | done (settled, or an older run) | early, ms | busy, ms (another worker's call is open)
        held, ms, scope (upstream: by the breaker) | yield, ms (it tripped the hold, so another one probes) | settled, status (the limits are reached,
        or its time for a first call is over)
twice:  the same token answers as before; claimed opens no second attempt
arrows: queued -> processing, processing -> queued, processing -> needs_review, processing -> failed,
        queued -> needs_review, queued -> failed, queued -> canceled
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include verdict.lua
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
if g.not_before > now then return { 'early', g.not_before - now } end
-- It has no pointer until `due` moves it, so this one is left from what Redis forgot.
if g.status == 'scheduled' then return { 'early', 1000 } end
local deadline = redis.call('ZSCORE', root .. 'deadlines', id)
if deadline and tonumber(deadline) <= now then
  expire(g, now)
  return settled()
end

if g.token then
  local seen = tonumber(redis.call('ZSCORE', root .. 'workers', g.worker) or '0')
  -- An answer that waits for storage is paid for: nobody calls again for it, however long that takes.
  if g.answered then return { 'busy', lease } end
  if seen + lease > now then return { 'busy', math.max(seen + lease - now, 100) } end
  if close_dead_call(g, attempt_of(g, g.token), limits, now) then return settled() end
end
if judge_lowered_limits(g, limits, now) then return settled() end

-- It waits again, if the call of a dead worker was closed above. What one model's hold stops is
-- parked, or the backlog of that model would fill the window that the other models need.
local function waits(word, ms, scope)
  if g.status == 'processing' then transition(g, 'queued', now) end
  if scope and string.sub(scope, 1, 6) == 'model:' then
    leave_line(g, now)
    park(g, now + ms)
  end
  return { word, ms, scope }
end

-- All holds are asked before any probe is taken: one that is refused here must not use up another's.
local breaker = read_breaker()
local broken = breaker_wait(breaker, now)
if broken > 0 then return waits('held', broken, 'upstream') end
local probed = {}
for _, scope in ipairs({ 'account', 'model:' .. g.model }) do
  local h = read_hold(scope)
  if h then
    if h.probe and h.probe_until > now then return waits('held', 1000, scope) end
    if h.next_probe_at > now then return waits('held', h.next_probe_at - now, scope) end
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
for _, scope in ipairs(probed) do
  redis.call('HSET', hold_key(scope), 'probe', token, 'probe_until', int(now + longest + 5000))
end
if breaker.since then redis.call('HSET', breaker_key, 'probe', token, 'probe_until', int(now + longest + 5000)) end

local a = open_attempt(g, token, worker, now)
redis.call('HSET', g.key, 'token', token, 'worker', worker)
redis.call('HSETNX', g.key, 'started_at', int(now))
redis.call('HDEL', g.key, 'not_before', 'wait_reason')
if deadline then redis.call('ZREM', root .. 'deadlines', id) end
leave_line(g, now)
if g.status ~= 'processing' then transition(g, 'processing', now) end
return claimed(a)
