--[[
brake: stops the starts of all workers for a time, or frees them. Each reason has an end of its own, so that one that is
       over frees nothing that another one still stops.
keys:   1 root of our keys
args:   1 ms to stop for (0 = free)  2... reasons
answer: ms until starts may go on (0 = now)
twice:  the same once more, a moment later
arrows: none
]]
-- @include record.lua
local brakes, limiter = root .. 'brakes', root .. 'bull:generate:limiter'
-- What BullMQ writes to stop a queue: a count beyond any limit (the largest whole number of JavaScript).
local STOPPED = '9007199254740991'
local ms, now = tonumber(ARGV[1]), clock()
for i = 2, #ARGV do
  if ms > 0 then redis.call('ZADD', brakes, 'GT', int(now + ms), ARGV[i]) else redis.call('ZREM', brakes, ARGV[i]) end
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
