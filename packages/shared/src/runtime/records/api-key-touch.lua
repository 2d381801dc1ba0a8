--[[
api-key-touch: notes when a key was last used; a key that was revoked meanwhile is not made again.
keys:   1 root of our keys
args:   1 SHA-256 of the key, hex
answer: touched | missing
twice:  notes the later time
arrows: none
]]
-- @include record.lua
local key = root .. 'k:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return { 'missing' } end
redis.call('HSET', key, 'last_used_at', int((clock())))
return { 'touched' }
