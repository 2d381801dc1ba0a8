--[[
pause: notes who paused a queue, when and why, or that the pause is over. BullMQ is told by the caller.
keys:   1 root of our keys
args:   1 queue  2 pause | resume  3 reason ('' none)  4 who
answer: noted
twice:  the same once more changes nothing and announces nothing
arrows: none
]]
-- @include record.lua
local queue, action, reason, by = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key = root .. 'paused:' .. queue
if action == 'resume' then
  if redis.call('DEL', key) == 1 then tell_operators('queue.resumed', 'queue', queue) end
  return { 'noted' }
end
local known = redis.call('HMGET', key, 'reason', 'by')
if known[1] ~= reason or known[2] ~= by then
  redis.call('HSET', key, 'reason', reason, 'by', by, 'at', int((clock())))
  tell_operators('queue.paused', 'queue', queue, 'reason', reason, 'by', by)
end
return { 'noted' }
