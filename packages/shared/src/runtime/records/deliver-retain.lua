--[[
deliver-retain: one page of a project's deliveries that are old enough to go, whatever became of them, and their events.
keys:   1 root of our keys
args:   1 project  2 ms since the event  3 most at once
answer: how many went
twice:  goes on with the next ones
arrows: none
]]
-- @include record.lua
local project, age, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local oldest, went = int((clock() - age) * 1000), 0
for _, status in ipairs({ 'succeeded', 'failed', 'canceled', 'pending' }) do
  local page = redis.call('ZRANGEBYSCORE', root .. 'dl:' .. project .. ':' .. status, '-inf', oldest, 'LIMIT', 0, most - went)
  for _, id in ipairs(page) do forget_delivery(id, redis.call('HGET', root .. 'd:' .. id, 'subject')) end
  went = went + #page
end
return { went }
