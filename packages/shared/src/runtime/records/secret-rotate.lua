--[[
secret-rotate: the secret of an endpoint or of a project's own URLs, made when there is none; or a new one, while the one
        before goes on signing for a time.
keys:   1 root of our keys
args:   1 ep:<endpoint> | ws:<project>  2 project  3 a new secret  4 operation made by the caller ('' = read, do not rotate)
        5 ms for which the old one goes on  6 idempotency key, hashed ('' none)  7 fingerprint
        8 ms by which the clock runs ahead (0 but in tests)
answer: secret, the one that is read | rotated | replayed | key_reused | missing
twice:  the same operation answers rotated again and rotates once
arrows: none
]]
-- @include record.lua
-- @include secrets.lua
-- @include action-key.lua
-- Each old secret is a signature in every delivery, so only so many sign: whoever rotates more often loses the oldest.
local MOST_OLD = 8
local key, project, fresh, operation = root .. ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local idempotency, fingerprint = ARGV[6], ARGV[7]
local is_endpoint = string.sub(ARGV[1], 1, 3) == 'ep:'
if is_endpoint and redis.call('HGET', key, 'project') ~= project then return { 'missing' } end
if not is_endpoint then redis.call('HSETNX', key, 'secret', fresh) end
if operation == '' then return { 'secret', redis.call('HGET', key, 'secret') } end

local before, by = action_before(idempotency, fingerprint)
if by == operation or redis.call('HGET', key, 'operation') == operation then return { 'rotated' } end
if before then return { before } end
keep_action_key(idempotency, fingerprint, operation)
local now = clock() + tonumber(ARGV[8])
local old = redis.call('HGET', key, 'secret')
local signing = old_secrets_of(key, now)
if tonumber(ARGV[5]) > 0 and old ~= fresh then signing[#signing + 1] = { secret = old, ['until'] = now + tonumber(ARGV[5]) } end
while #signing > MOST_OLD do table.remove(signing, 1) end
redis.call('HSET', key, 'secret', fresh, 'operation', operation)
if #signing > 0 then redis.call('HSET', key, 'old_secrets', cjson.encode(signing)) else redis.call('HDEL', key, 'old_secrets') end
return { 'rotated' }
