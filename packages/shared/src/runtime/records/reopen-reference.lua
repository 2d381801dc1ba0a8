--[[
reopen-reference: uploads a settled reference again: a new run with new limits, which gives new ids.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller  3 idempotency key, hashed ('' none)  4 fingerprint
answer: reopened, run | replayed | key_reused | conflict, status | missing
twice:  the same operation answers reopened again and starts no second run
arrows: none
]]
-- @include record.lua
-- @include reference.lua
local id, operation, idempotency, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local r = load_reference(id)
if not r then return { 'missing' } end
if redis.call('HGET', r.key, 'operation') == operation then return { 'reopened', r.run } end
if idempotency ~= '' then
  local known = redis.call('HGET', root .. 'i:' .. idempotency, 'fingerprint')
  if known == fingerprint then return { 'replayed' } end
  if known then return { 'key_reused' } end
end
if not reference_settled(r) then return { 'conflict', r.status } end
if idempotency ~= '' then
  redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id)
  redis.call('HSET', r.key, 'idempotency', redis.call('HGET', r.key, 'idempotency') .. ' ' .. idempotency)
end
r.run = r.run + 1
redis.call('HSET', r.key, 'operation', operation, 'run', r.run, 'counted', 0)
redis.call('HDEL', r.key, 'voice_id', 'instrumental_id', 'error', 'finished_at', 'rl_since')
redis.call('SREM', root .. 'settled-references', id)
move_reference(r, 'queued', (clock()))
return { 'reopened', r.run }
