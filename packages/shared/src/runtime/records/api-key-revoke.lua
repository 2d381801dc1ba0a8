--[[
api-key-revoke: forgets one API key; the next request that carries it is refused.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller
answer: revoked | missing
twice:  the same operation answers revoked again, for a minute
arrows: none
]]
local root = KEYS[1]
local id, operation = ARGV[1], ARGV[2]
local done = root .. 'api-key-revoked:' .. id

local found = redis.call('ZRANGEBYLEX', root .. 'api-keys', '[' .. id .. ' ', '(' .. id .. '!', 'LIMIT', 0, 1)
if not found[1] then
  if redis.call('GET', done) == operation then return { 'revoked' } end
  return { 'missing' }
end
local key = root .. 'k:' .. string.sub(found[1], #id + 2)
local idempotency = redis.call('HGET', key, 'idempotency')
-- An idempotency key lives as long as what it made, and at least a day.
if idempotency and idempotency ~= '' then redis.call('EXPIRE', root .. 'i:' .. idempotency, 86400) end
redis.call('DEL', key)
redis.call('ZREM', root .. 'api-keys', found[1])
redis.call('SET', done, operation, 'EX', 60)
return { 'revoked' }
