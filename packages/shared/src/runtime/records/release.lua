--[[
release: a call ended without a song. Closes the attempt, and judges the run by the limits.
keys:   1 root of our keys
args:   1 id  2 token  3 outcome  4 charge  5 counts toward  6 error code  7 message  8 upstream's answer as JSON ('' none)
        9 ms until it may start again  10 why it waits  11 hold: scope ('' none)  12 hold: first probe after ms
        13 ms of rate limiting after which the run fails (0 = never)  14 MAX_ATTEMPTS  15 MAX_UNKNOWN_CHARGES
        16 1 if the answer proves that key and balance are good  17 upstream: reached | not_reached | unclear
        18 RETRY_BASE_MS, after which the breaker first probes  19 breaker: longest wait between probes in ms
        20 worker
answer: status now, run, ms until it may start again, ms until the account's next probe (0 = not held), 1 if a hold was lifted
        or the breaker closed, ms until the breaker's next probe (0 = closed)
        gone (no record)
twice:  an attempt is closed once; the answer is read from the record, so it is the same again
arrows: processing -> queued, processing -> failed, processing -> needs_review
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include stone.lua
-- @include verdict.lua
-- @include holds.lua
-- @include breaker.lua
-- @include pace.lua
local id, token, outcome, charge = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local v = { counts = ARGV[5], charge = charge, error = ARGV[6], message = ARGV[7], upstream = ARGV[8] }
local delay, reason, scope, probe_after = tonumber(ARGV[9]), ARGV[10], ARGV[11], tonumber(ARGV[12])
local give_up, limits = tonumber(ARGV[13]), { max_attempts = tonumber(ARGV[14]), max_unknown = tonumber(ARGV[15]) }
local proves = ARGV[16] == '1'
local reach, first_probe, longest_wait = ARGV[17], tonumber(ARGV[18]), tonumber(ARGV[19])
local g = load(id)
if not g then
  settle_stone(id, token, outcome, charge)
  return { 'gone' }
end
local now = clock()
local a, found = attempt_or_found(g, token, ARGV[20], now)
-- When a call was claimed of which Redis knew nothing is not known, so it says nothing about the upstream.
if found then reach = 'nothing' end

local function report()
  local h = read_hold('account')
  local wait = math.max(tonumber(redis.call('HGET', g.key, 'not_before') or '0') - now, 0)
  local b = read_breaker()
  return { g.status, int(g.run), int(wait), int(h and math.max(h.next_probe_at - now, 1) or 0), a.lifted and '1' or '0',
    int(b.since and math.max(b.next_probe_at - now, 1) or 0) }
end

-- Closed before: by this very call, or as dead while its worker was silent. What is known now is better.
-- (One that was answered and is still current lost its song on the way to storage: that is judged here.)
if a.finished_at and g.token ~= token then
  if a.charge == 'unknown' and charge ~= 'unknown' then close_attempt(g, a, outcome, charge, v.upstream, now) end
  return report()
end
close_attempt(g, a, outcome, charge, v.upstream, now)

for _, each in ipairs({ 'account', 'model:' .. g.model }) do
  local h = read_hold(each)
  if h and h.probe == token then
    if scope == each then probe_failed(h, v.error, v.message, now)
    elseif proves then
      lift_hold(each)
      a.lifted = true
      save_attempt(g, a)
    else probe_unclear(h, now) end
  end
end
if reach == 'not_reached' then not_reached(a, v.message, first_probe, longest_wait, now)
elseif reach == 'unclear' then learnt_nothing(a, now)
elseif reach == 'reached' and reached(a) then
  a.lifted = true
  save_attempt(g, a)
end
if outcome == 'rate_limited' then slow_down(a, first_probe, now)
elseif reach == 'reached' and outcome ~= 'account' then speed_up(a) end
if scope ~= '' then set_hold(scope, g.id, v.error, v.message, probe_after, now) end

local current = g.token == token
if current then clear_intent(g) end
if found then count_found(g, v) end
-- While it is only queued, this call was judged before (as dead), or belongs to an older run.
if not current or g.status ~= 'processing' then return report() end

if outcome == 'rate_limited' and give_up > 0 then
  if g.rl_since == 0 then redis.call('HSET', g.key, 'rl_since', int(now))
  elseif now - g.rl_since > give_up then
    v.counts = 'nothing'
    finish_without_song(g, 'failed', v.error, v, now)
    return report()
  end
else
  redis.call('HDEL', g.key, 'rl_since')
end
if judge(g, v, limits, now) then return report() end

redis.call('HSET', g.key, 'wait_reason', reason)
if delay > 0 then
  redis.call('HSET', g.key, 'not_before', int(now + delay))
  park(g, now + delay)
end
transition(g, 'queued', now)
return report()
