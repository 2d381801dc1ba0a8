--[[
fail-ingest: the rest of a batch's items cannot be recorded, because storage does not have them any more. They
        count as failed, and the batch says why.
keys:   1 root of our keys
args:   1 id of the batch  2 code  3 message
answer: failed | done (all of them are recorded) | gone
twice:  answers done
arrows: none
]]
-- @include record.lua
local id, code, message = ARGV[1], ARGV[2], ARGV[3]
local key = root .. 'b:' .. id
local f = redis.call('HMGET', key, 'valid', 'ingested', 'open')
if not f[1] then return { 'gone' } end
local missing = tonumber(f[1]) - tonumber(f[2])
if missing == 0 then return { 'done' } end
local now = clock()
if redis.call('EXISTS', root .. 'waiting') == 1 then redis.call('DECRBY', root .. 'waiting', missing) end
redis.call('HSET', key, 'ingested', f[1], 'offset', -1, 'error', cjson.encode({ code = code, message = message }))
redis.call('HINCRBY', key, 'n:queued', -missing)
redis.call('HINCRBY', key, 'n:failed', missing)
end_ingest(id, key)
if redis.call('HINCRBY', key, 'open', -missing) == 0 then settle_batch(id, key, now) end
return { 'failed' }
