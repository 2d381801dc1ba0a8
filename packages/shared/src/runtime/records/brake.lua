--[[
brake: stops the starts of all workers for a time, or frees them. Each reason has an end of its own, so that one that is
       over frees nothing that another one still stops.
keys:   1 root of our keys
args:   1 ms to stop for (0 = free), no longer than to the next probe where one is waited for  2... reasons
answer: ms until starts may go on (0 = now)
twice:  the same once more, a moment later
arrows: none
]]
-- @include record.lua
-- @include holds.lua
-- @include breaker.lua
local brakes, limiter = root .. 'brakes', root .. 'bull:generate:limiter'
-- What BullMQ writes to stop a queue: a count beyond any limit (the largest whole number of JavaScript).
local STOPPED = '9007199254740991'
-- A probe may be under way, or just have ended.
local ASK_AGAIN = 1000
local ms, now = tonumber(ARGV[1]), clock()

-- A caller may have been told to wait for a probe that somebody made due, or for a hold that was lifted, since then.
local function longest(reason)
  if reason ~= 'account' and reason ~= 'upstream' then return ms end
  local next_probe
  if reason == 'account' then next_probe = (read_hold('account') or {}).next_probe_at
  else
    local b = read_breaker()
    next_probe = b.since and b.next_probe_at
  end
  return math.min(ms, math.max((next_probe or now) - now, ASK_AGAIN))
end

for i = 2, #ARGV do
  if ms > 0 then redis.call('ZADD', brakes, 'GT', int(now + longest(ARGV[i])), ARGV[i])
  else redis.call('ZREM', brakes, ARGV[i]) end
end
redis.call('ZREMRANGEBYSCORE', brakes, '-inf', int(now))
local last = redis.call('ZRANGE', brakes, -1, -1, 'WITHSCORES')
if not last[1] then
  -- A count that BullMQ keeps itself is none of ours.
  if redis.call('GET', limiter) == STOPPED then redis.call('DEL', limiter) end
  return { 0 }
end
local wait = tonumber(last[2]) - now
redis.call('SET', limiter, STOPPED, 'PX', int(wait))
return { int(wait) }
