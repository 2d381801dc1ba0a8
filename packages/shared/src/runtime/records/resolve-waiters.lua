--[[
resolve-waiters: tells the generations that wait for a settled reference, first come, first: those whose references
        all have their ids come into line, those of a failed one fail.
keys:   1 root of our keys
args:   1 id of the reference  2 most at once
answer: how many still wait to be told, then for each that BullMQ's window has room for: id, run, priority
twice:  goes on with further ones; what an unread answer put into the window is found by repair
arrows: queued -> failed, scheduled -> failed
]]
-- @include record.lua
-- @include waiting.lua
-- @include line-up.lua
-- @include reference.lua
local id, most = ARGV[1], tonumber(ARGV[2])
local waiters = root .. 'rw:' .. id
local r = load_reference(id)
local answer = { 0 }
-- Uploaded once more meanwhile: they go on waiting.
if r and not reference_settled(r) then
  redis.call('SREM', root .. 'settled-references', id)
  return answer
end
local now = clock()
for _, each in ipairs(redis.call('ZRANGE', waiters, 0, most - 1)) do
  local g = load(each)
  if not g or SETTLED[g.status] then
    redis.call('ZREM', waiters, each)
    redis.call('ZREM', root .. 'aside', each)
  elseif await_references(g, now) == 'ready' and g.status == 'queued' and enqueue(g, now) then
    answer[#answer + 1] = g.id
    answer[#answer + 1] = int(g.run)
    answer[#answer + 1] = g.priority
  end
end
answer[1] = redis.call('ZCARD', waiters)
if answer[1] == 0 then redis.call('SREM', root .. 'settled-references', id) end
return answer
