--[[
deliver-again: sends one delivery again, whatever became of it: now, and from the first step of the schedule.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller  3 idempotency key, hashed ('' none)  4 fingerprint
        5 ms by which the clock runs ahead (0 but in tests)
answer: again | replayed | key_reused | disabled (its endpoint is, or is gone) | missing
twice:  the same operation answers again and does nothing more
arrows: none
]]
-- @include record.lua
-- @include action-key.lua
local id, operation, idempotency, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local d = load_delivery(id)
if not d then return { 'missing' } end
local before, by = action_before(idempotency, fingerprint)
if by == operation or redis.call('HGET', d.key, 'operation') == operation then return { 'again' } end
if before then return { before } end
if d.endpoint ~= '' and redis.call('HGET', root .. 'ep:' .. d.endpoint, 'enabled') ~= '1' then return { 'disabled' } end
keep_action_key(idempotency, fingerprint, operation)
redis.call('HSET', d.key, 'operation', operation)
deliver_again(d, clock() + tonumber(ARGV[5]))
return { 'again' }
