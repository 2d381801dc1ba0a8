--[[
uncount: a pick-up made no call, so the start it took from BullMQ's rate window is given back.
keys:   1 root of our keys
args:   none
answer: 1 if a start was given back
twice:  gives back two: the rate may be passed by one start in that window
arrows: none
]]
local limiter = KEYS[1] .. 'bull:generate:limiter'
local started = tonumber(redis.call('GET', limiter) or '0')
-- A brake writes a number beyond any count; taking one from it would not open it, but leave it alone.
if started > 0 and started < 9007199254740000 then
  redis.call('DECR', limiter)
  return 1
end
return 0
