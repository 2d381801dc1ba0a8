--[[
repair: finds waiting records whose pointer BullMQ does not have: a crash between accepting and adding,
        or a Redis that forgot. Walks one page of `window` or `parked`.
keys:   1 root of our keys
args:   1 window | parked  2 first rank  3 how many  4 only entries put there before now minus this many ms
answer: ranks looked at, entries left in place, then for each without a live pointer: id, run, priority,
        1 if a finished queue job stands in its way
twice:  finds the same again
arrows: none
]]
-- @include record.lua
-- @include waiting.lua
local set, from, count, age = root .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local page = redis.call('ZRANGE', set, from, from + count - 1, 'WITHSCORES')
local answer = { #page / 2, 0 }
local kept = 0
for i = 1, #page, 2 do
  local g = load(page[i])
  if not g or SETTLED[g.status] then
    redis.call('ZREM', set, page[i])
  else
    kept = kept + 1
    if tonumber(page[i + 1]) < now - age then
      local job = root .. 'bull:generate:' .. g.id .. '.' .. int(g.run)
      local there = redis.call('EXISTS', job) == 1
      local finished = there and redis.call('HEXISTS', job, 'finishedOn') == 1
      if not there or finished then
        answer[#answer + 1] = g.id
        answer[#answer + 1] = int(g.run)
        answer[#answer + 1] = g.priority
        answer[#answer + 1] = finished and '1' or '0'
      end
    end
  end
end
answer[2] = kept
return answer
