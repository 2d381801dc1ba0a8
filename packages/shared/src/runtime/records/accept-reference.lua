--[[
accept-reference: records an uploaded file that storage holds, and decides idempotency in the same step.
keys:   1 root of our keys
args:   1 idempotency key, hashed ('' none)  2 fingerprint  3 project  4 id  5 purpose  6 name of the file
        7 key in storage  8 bytes  9 length in ms  10 SHA-256, hex
answer: accepted, ordinal | replayed, id of the reference made before | key_reused
twice:  the same id again changes nothing and answers as before
arrows: none
]]
-- @include record.lua
-- @include reference.lua
local idempotency, fingerprint, project, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known = load_reference(id)
if known then return { 'accepted', known.ordinal } end
if idempotency ~= '' then
  local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
  if f[1] and f[1] ~= fingerprint then return { 'key_reused' } end
  if f[1] then return { 'replayed', f[2] } end
  redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id)
end
local now, micros = clock()
local ordinal = int(math.max(tonumber(redis.call('GET', root .. 'ordinal') or '0') + 1, micros))
redis.call('SET', root .. 'ordinal', ordinal)
redis.call('SADD', root .. 'projects', project)
local r = { id = id, key = root .. 'r:' .. id, project = project, run = 1, ordinal = ordinal }
redis.call('HSET', r.key, 'project', project, 'run', 1, 'ordinal', ordinal, 'created_at', int(now), 'purpose', ARGV[5],
  'filename', ARGV[6], 'file', ARGV[7], 'bytes', ARGV[8], 'duration_ms', ARGV[9], 'sha256', ARGV[10],
  'idempotency', idempotency)
redis.call('ZADD', root .. 'rl:' .. project, ordinal, id)
move_reference(r, 'queued', now)
return { 'accepted', ordinal }
