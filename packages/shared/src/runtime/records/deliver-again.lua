--[[
deliver-again: sends one delivery again, whatever became of it: now, and from the first step of the schedule.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller  3 ms by which the clock runs ahead (0 but in tests)
answer: again | disabled (its endpoint is, or is gone) | missing
twice:  the same operation answers again and does nothing more
arrows: none
]]
-- @include record.lua
local id, operation = ARGV[1], ARGV[2]
local d = load_delivery(id)
if not d then return { 'missing' } end
if redis.call('HGET', d.key, 'operation') == operation then return { 'again' } end
if d.endpoint ~= '' and redis.call('HGET', root .. 'ep:' .. d.endpoint, 'enabled') ~= '1' then return { 'disabled' } end
redis.call('HSET', d.key, 'operation', operation)
deliver_again(d, clock() + tonumber(ARGV[3]))
return { 'again' }
