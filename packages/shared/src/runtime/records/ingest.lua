--[[
ingest: records the next items of a batch and puts them in line; the cursor in the batch moves in the same step.
        A batch that is being canceled gets them as canceled ones.
keys:   1 root of our keys
args:   1 id of the batch  2 offset in storage where they begin  3 offset after them  4 number of items,
        then for each: id, priority, model, policy for unknown charges, not before (Unix ms, 0 = now),
        first call by (Unix ms, 0 = whenever), request as JSON, index
answer: ingested, then for each item 1 (add its pointer now), 0 (the feeder will) or s (it is scheduled)
        moved, offset where the next item begins | gone
twice:  the same offsets again change nothing and answer as before
arrows: (new) -> queued, (new) -> scheduled, queued -> failed, scheduled -> failed, queued -> canceled, scheduled -> canceled
]]
-- @include record.lua
-- @include waiting.lua
-- @include line-up.lua
-- @include cancel-now.lua
-- @include new-generation.lua
local ITEM = 8
local id, from, to, count = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key = root .. 'b:' .. id
local f = redis.call('HMGET', key, 'project', 'offset', 'canceling')
local project = f[1]
if not project then return { 'gone' } end

local answer = { 'ingested' }
if f[2] == to then
  for i = 1, count do answer[#answer + 1] = place_of(ARGV[5 + (i - 1) * ITEM]) end
  return answer
end
if f[2] ~= from then return { 'moved', f[2] } end

local now, micros = clock()
-- They were counted as waiting when the batch was accepted, and are counted again as each is made.
if redis.call('EXISTS', root .. 'waiting') == 1 then redis.call('DECRBY', root .. 'waiting', count) end
redis.call('HSET', key, 'offset', to)
local done = redis.call('HINCRBY', key, 'ingested', count) == tonumber(redis.call('HGET', key, 'valid'))
if done then end_ingest(id, key) end
local last = tonumber(redis.call('GET', root .. 'ordinal') or '0')
for i = 1, count do
  local at = 5 + (i - 1) * ITEM
  last = math.max(last + 1, micros)
  local place, g = create_generation(at, project, last, named_in(ARGV[at + 6]), nil, id, ARGV[at + 7], now)
  if f[3] and not SETTLED[g.status] then
    cancel_now(g, now)
    place = '0'
  end
  answer[#answer + 1] = place
end
redis.call('SET', root .. 'ordinal', int(last))
return answer
