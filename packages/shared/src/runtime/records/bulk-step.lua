--[[
bulk-step: a page of an action on many records is done; whoever reads the cursor goes on from there.
keys:   1 root of our keys
args:   1 id  2 cursor that the page began at  3 cursor after it  4 how many were done  5 how many had moved on
        6 running | completed (that was the last page) | canceled (by request, whatever the cursor)
answer: stepped | moved (another worker did that page, or it has ended) | missing
twice:  moved, and changes nothing more; canceled answers stepped again
arrows: none
]]
-- @include record.lua
-- @include erasing.lua
-- @include batch-actions.lua
local id, from, to, status = ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local key = root .. 'bk:' .. id
local f = redis.call('HMGET', key, 'state', 'cursor', 'batch', 'action')
if not f[1] then return { 'missing' } end
if status == 'canceled' and f[1] == 'canceled' then return { 'stepped' } end
if f[1] ~= 'running' or status ~= 'canceled' and f[2] ~= from then return { 'moved' } end
local now = clock()
if status ~= 'canceled' then
  redis.call('HINCRBY', key, 'done', ARGV[4])
  redis.call('HINCRBY', key, 'failed', ARGV[5])
  redis.call('HSET', key, 'cursor', to)
end
if status ~= 'running' then
  redis.call('HSET', key, 'state', status, 'finished_at', int(now))
  redis.call('SREM', root .. 'bulk-open', id)
  if f[3] ~= '' then end_batch_action(f[3], id, now) end
end
return { 'stepped' }
