--[[
erase-reference: forgets a reference; its file follows. Whose ids they are that it gave is remembered.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller
answer: erased | processing | waited_for | missing
twice:  the same operation answers erased again, for a minute
arrows: none
]]
-- @include record.lua
-- @include reference.lua
local id, operation = ARGV[1], ARGV[2]
local done = root .. 'reference-erased:' .. id
local r = load_reference(id)
if not r then
  if redis.call('GET', done) == operation then return { 'erased' } end
  return { 'missing' }
end
if r.status == 'processing' then return { 'processing' } end
if redis.call('EXISTS', root .. 'rw:' .. id) == 1 then return { 'waited_for' } end
for hash in string.gmatch(redis.call('HGET', r.key, 'idempotency') or '', '%S+') do
  redis.call('EXPIRE', root .. 'i:' .. hash, 86400)
end
redis.call('DEL', r.key)
redis.call('ZREM', root .. 'rl:' .. r.project, id)
redis.call('ZREM', root .. 'uploads', id)
redis.call('SREM', root .. 'settled-references', id)
-- The caller removes the file now; this remembers it should it die first.
redis.call('SADD', root .. 'sweep', id)
redis.call('SET', done, operation, 'EX', 60)
return { 'erased' }
