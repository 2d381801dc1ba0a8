--[[
hold: lets every hold be probed now, as after a new key or a top-up.
keys:   1 root of our keys
args:   none
answer: the scopes that are held
twice:  asks again for the same
arrows: none
]]
-- @include record.lua
-- @include holds.lua
local now = clock()
local scopes = redis.call('SMEMBERS', root .. 'holds')
for _, scope in ipairs(scopes) do
  if read_hold(scope) then redis.call('HSET', hold_key(scope), 'next_probe_at', int(now)) end
end
return scopes
