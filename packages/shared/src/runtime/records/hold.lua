--[[
hold: lets every hold be probed now, as after a new key or a top-up, and the upstream if the breaker is open.
keys:   1 root of our keys
args:   none
answer: the scopes that are held
twice:  asks again for the same
arrows: none
]]
-- @include record.lua
-- @include holds.lua
-- @include breaker.lua
local now = clock()
local scopes = redis.call('SMEMBERS', root .. 'holds')
for _, scope in ipairs(scopes) do
  if read_hold(scope) then redis.call('HSET', hold_key(scope), 'next_probe_at', int(now)) end
end
if read_breaker().since then redis.call('HSET', breaker_key, 'next_probe_at', int(now)) end
return scopes
