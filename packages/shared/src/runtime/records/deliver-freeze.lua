--[[
deliver-freeze: keeps the bytes that every attempt and every URL of an event gets. The first ones stay.
keys:   1 root of our keys
args:   1 event  2 body
answer: the body that counts | gone (nothing is told of it any more)
twice:  answers the first body again
arrows: none
]]
-- @include record.lua
local key = root .. 'e:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return { 'gone' } end
redis.call('HSETNX', key, 'body', ARGV[2])
redis.call('HDEL', key, 'snapshot')
return { redis.call('HGET', key, 'body') }
