--[[
endpoint-erase: forgets an endpoint. What waits for it is canceled; its deliveries stay for their time.
keys:   1 root of our keys
args:   1 id  2 project  3 operation made by the caller
answer: erased | missing
twice:  the same operation answers erased again, for a minute
arrows: none
]]
-- @include record.lua
local id, project, operation = ARGV[1], ARGV[2], ARGV[3]
local key, done = root .. 'ep:' .. id, root .. 'endpoint-erased:' .. ARGV[1]
local f = redis.call('HMGET', key, 'project', 'events', 'operator_events', 'idempotency')
if f[1] ~= project then
  if redis.call('GET', done) == operation then return { 'erased' } end
  return { 'missing' }
end
for _, kind in ipairs(cjson.decode(f[2])) do redis.call('SREM', root .. 'subs:' .. project .. ':' .. kind, id) end
for _, kind in ipairs(cjson.decode(f[3])) do redis.call('SREM', root .. 'subs::' .. kind, id) end
if (f[4] or '') ~= '' then redis.call('EXPIRE', root .. 'i:' .. f[4], 86400) end
redis.call('ZREM', root .. 'epl:' .. project, id)
redis.call('HDEL', root .. 'recoveries', id)
redis.call('DEL', key)
-- Until everything that waits for it is canceled, the feeder finds it disabled.
if redis.call('EXISTS', root .. 'line:' .. id) == 1 then
  redis.call('HSET', key, 'enabled', 0)
  redis.call('EXPIRE', key, 86400)
  look_at(id)
end
redis.call('SET', done, operation, 'EX', 60)
return { 'erased' }
