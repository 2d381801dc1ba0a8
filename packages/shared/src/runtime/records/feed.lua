--[[
feed: moves what is first in line from `ready` into BullMQ's window. One worker at a time does it.
keys:   1 root of our keys
args:   1 worker  2 lease in ms  3 most at once
answer: for each moved: id, run, priority; or the word other when another worker feeds
twice:  moves further ones; what an unread answer moved is found by repair
arrows: none
]]
-- @include record.lua
-- @include waiting.lua
local worker, lease, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease_key = root .. 'lease:feeder'
local holder = redis.call('GET', lease_key)
if holder and holder ~= worker then return { 'other' } end
redis.call('SET', lease_key, worker, 'PX', lease)

local moved = {}
local now = clock()
local room = math.min(window_room('normal'), most)
if room <= 0 then
  -- Backlog may fill the window, but an interactive song still goes ahead of it.
  local first = redis.call('ZRANGE', root .. 'ready', 0, 0, 'WITHSCORES')
  if first[1] and tonumber(first[2]) < CLASS_SPAN then room = math.min(window_room('interactive'), 1) end
end
if room <= 0 then return moved end
local first = redis.call('ZRANGE', root .. 'ready', 0, room - 1, 'WITHSCORES')
for i = 1, #first, 2 do
  local g = load(first[i])
  redis.call('ZREM', root .. 'ready', first[i])
  if g then
    left_ready(g, false)
    redis.call('HSET', root .. 'fair', 'v:' .. g.priority, int(tonumber(first[i + 1]) % CLASS_SPAN))
    redis.call('ZADD', root .. 'window', int(now), g.id)
    moved[#moved + 1] = g.id
    moved[#moved + 1] = int(g.run)
    moved[#moved + 1] = g.priority
  end
end
return moved
