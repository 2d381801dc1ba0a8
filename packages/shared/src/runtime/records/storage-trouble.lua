--[[
storage-trouble: notes why nothing may be paid for, for whoever asks why a generation waits, and tells once that room runs
       low. Looks repeat it while it lasts; a while after the last one it is forgotten.
keys:   1 root of our keys
args:   1 low | storage | redis  2 reason  3 ms until it is forgotten
answer: 1 when it was told, else 0
twice:  tells nothing again
arrows: none
]]
-- @include record.lua
local key, code, reason, ms = root .. 'storage-trouble', ARGV[1], ARGV[2], ARGV[3]
local news = code == 'low' and redis.call('HGET', key, 'code') ~= 'low'
redis.call('HSET', key, 'code', code, 'reason', reason)
redis.call('PEXPIRE', key, ms)
if news then tell_operators('storage.low', 'reason', reason) end
return { news and 1 or 0 }
