--[[
accept-batch: records a batch whose items storage holds by then, and decides idempotency in the same step.
        Its items count as waiting from here on, although workers record them one after the other.
keys:   1 root of our keys
args:   1 idempotency key, hashed ('' none)  2 fingerprint  3 most waiting generations  4 project  5 id  6 items in storage
        7 items that were refused and skipped  8 bytes in storage  9 name ('' none)  10 metadata as JSON
        11 webhook as JSON ('' none)  12 prices by model as JSON  13 models and how many items have each, as JSON
answer: accepted | replayed, id of the batch made before | key_reused | queue_full
twice:  the same id again changes nothing and answers as before
arrows: none
]]
-- @include record.lua
local idempotency, fingerprint, most, project, id = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local valid, skipped = tonumber(ARGV[6]), tonumber(ARGV[7])
local key = root .. 'b:' .. id

if idempotency ~= '' then
  local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
  if f[1] and f[2] ~= id then
    if f[1] == fingerprint then return { 'replayed', f[2] } end
    return { 'key_reused' }
  end
end
if redis.call('EXISTS', key) == 1 then return { 'accepted' } end
if count_waiting() + valid > most then return { 'queue_full' } end

local _, micros = clock()
local ordinal = int(math.max(tonumber(redis.call('GET', root .. 'ordinal') or '0') + 1, micros))
redis.call('SET', root .. 'ordinal', ordinal)
redis.call('INCRBY', root .. 'waiting', valid)
redis.call('SADD', root .. 'projects', project)
redis.call('ZREM', root .. 'spools', id)
begin_batch(id, key, project, ordinal, valid, skipped)
redis.call('HSET', key, 'bytes', ARGV[8], 'name', ARGV[9], 'metadata', ARGV[10], 'webhook', ARGV[11], 'prices', ARGV[12],
  'idempotency', idempotency)
for model, count in pairs(cjson.decode(ARGV[13])) do redis.call('HSET', key, 'c:' .. model .. ':n', count) end
if idempotency ~= '' then redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id) end
return { 'accepted' }
