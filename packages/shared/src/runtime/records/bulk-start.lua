--[[
bulk-start: writes down an action on many records; workers carry it out page by page. One on a batch takes effect in
        this step: no further call of a canceled batch starts, and one that runs again is not settled any more.
keys:   1 root of our keys
args:   1 id  2 idempotency key, hashed ('' none)  3 fingerprint  4 project  5 retry | cancel | resolve | redeliver | delete
        6 filter as JSON  7 params as JSON  8 how many match  9 who asks  10 id of the batch ('' none)  11 fields of the batch that count what is meant
        12 most to keep
answer: started | replayed, id of the one made before | key_reused | busy (the batch is being canceled, or not settled)
        nothing (is meant)
twice:  the same id answers started and changes nothing more
arrows: none
]]
-- @include record.lua
-- @include erasing.lua
-- @include batch-actions.lua
local id, idempotency, fingerprint, action, batch = ARGV[1], ARGV[2], ARGV[3], ARGV[5], ARGV[10]
local key = root .. 'bk:' .. id
if redis.call('EXISTS', key) == 1 then return { 'started' } end
if idempotency ~= '' then
  local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
  if f[1] == fingerprint then return { 'replayed', f[2] } end
  if f[1] then return { 'key_reused' } end
end
local now, micros = clock()
if batch ~= '' then
  local before = begin_batch_action(batch, id, action, cjson.decode(ARGV[11]))
  if before == 'busy' or before == 'nothing' then return { before } end
  if before then return { 'replayed', before } end
end
if idempotency ~= '' then
  redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id)
end
redis.call('HSET', key, 'project', ARGV[4], 'action', action, 'filter', ARGV[6], 'params', ARGV[7], 'matched', ARGV[8],
  'created_by', ARGV[9], 'batch', batch, 'done', 0, 'failed', 0, 'state', 'running', 'created_at', int(now),
  'idempotency', idempotency, 'ordinal', int(micros), 'cursor', '')
redis.call('ZADD', root .. 'bulk', int(micros), id)
redis.call('SADD', root .. 'bulk-open', id)
-- Only so many that have ended are kept.
if redis.call('ZCARD', root .. 'bulk') > tonumber(ARGV[12]) then
  local oldest = redis.call('ZRANGE', root .. 'bulk', 0, 0)[1]
  if redis.call('SISMEMBER', root .. 'bulk-open', oldest) == 0 then
    local known = redis.call('HGET', root .. 'bk:' .. oldest, 'idempotency')
    if known ~= '' then redis.call('EXPIRE', root .. 'i:' .. known, 86400) end
    redis.call('DEL', root .. 'bk:' .. oldest)
    redis.call('ZREM', root .. 'bulk', oldest)
  end
end
return { 'started' }
