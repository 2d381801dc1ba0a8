--[[
api-key-create: stores one API key by its SHA-256; the key itself is never written.
keys:   1 root of our keys
args:   1 id  2 SHA-256 of the key, hex  3 project  4 scopes, comma-separated  5 name  6 its last four characters
        7 expiry in Unix ms ('' never)  8 idempotency key, hashed ('' none)  9 fingerprint
        10 lease of the one process that may make the first key ('' an ordinary key)
answer: created, Unix ms | replayed, id of the key made before | key_reused | not_first
twice:  the same id again changes nothing and answers created
arrows: none
]]
-- @include record.lua
local id, sha, idempotency, fingerprint, lease = ARGV[1], ARGV[2], ARGV[8], ARGV[9], ARGV[10]
local key = root .. 'k:' .. sha

local known = redis.call('HMGET', key, 'id', 'created_at')
if known[1] == id then return { 'created', known[2] } end
if idempotency ~= '' then
  local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
  if f[1] == fingerprint then return { 'replayed', f[2] } end
  if f[1] then return { 'key_reused' } end
end
if lease ~= '' then
  local free = redis.call('ZCARD', root .. 'api-keys') == 0 and redis.call('GET', root .. 'first-api-key') == lease
  if not free then return { 'not_first' } end
end

local now = clock()
redis.call('HSET', key, 'id', id, 'project', ARGV[3], 'scopes', ARGV[4], 'name', ARGV[5], 'last4', ARGV[6],
  'created_at', int(now), 'expires_at', ARGV[7], 'idempotency', idempotency)
redis.call('ZADD', root .. 'api-keys', 0, id .. ' ' .. sha)
if idempotency ~= '' then redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id) end
return { 'created', int(now) }
