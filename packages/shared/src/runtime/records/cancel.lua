--[[
cancel: canceled at once. It leaves every queue; a call already sent is paid and left to finish, its
        charge is settled later and its song kept as a spare.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller
answer: canceled, run | conflict, status | missing
twice:  the same operation answers canceled again
arrows: scheduled -> canceled, queued -> canceled, processing -> canceled, needs_review -> canceled
]]
-- @include record.lua
-- @include waiting.lua
-- @include cancel-now.lua
local id, operation = ARGV[1], ARGV[2]
local g = load(id)
if not g then return { 'missing' } end
if redis.call('HGET', g.key, 'operation') == operation then return { 'canceled', int(g.run) } end
if g.status == 'succeeded' or g.status == 'failed' or g.status == 'canceled' then return { 'conflict', g.status } end
redis.call('HSET', g.key, 'operation', operation)
cancel_now(g, (clock()))
return { 'canceled', int(g.run) }
