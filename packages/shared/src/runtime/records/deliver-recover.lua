--[[
deliver-recover: sends again what failed or was canceled for an endpoint in a span of time, in pages; a worker goes on with it.
keys:   1 root of our keys
args:   1 endpoint ('' when going on)  2 since, Unix ms  3 until, Unix ms
        4 count (only that) | start | go_on (one page)  5 most at once  6 ms by which the clock runs ahead (0 but in tests)
answer: how many there are (count, start), or how many were sent again (go_on; fewer than most: that was all)
twice:  counts and starts the same; goes on with further ones
arrows: none
]]
-- @include record.lua
local endpoint, since, till, step, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local LOST = { 'failed', 'canceled' }
local recoveries = root .. 'recoveries'

if step ~= 'go_on' then
  -- Ordinals are microseconds. None is below zero, and the span below is read back as digits.
  local from, to, count = math.max(since * 1000, 0), math.max(till * 1000 + 999, 0), 0
  for _, status in ipairs(LOST) do count = count + redis.call('ZCOUNT', root .. 'de:' .. endpoint .. ':' .. status, int(from), int(to)) end
  if step == 'start' and count > 0 then
    local before = redis.call('HGET', recoveries, endpoint)
    if before then
      local f, t = string.match(before, '^(%d+)|(%d+)$')
      from, to = math.min(from, tonumber(f)), math.max(to, tonumber(t))
    end
    redis.call('HSET', recoveries, endpoint, int(from) .. '|' .. int(to))
  end
  return { count }
end

local under_way = redis.call('HRANDFIELD', recoveries, 1, 'WITHVALUES')
if not under_way[1] then return { 0 } end
endpoint = under_way[1]
local from, to = string.match(under_way[2], '^(%d+)|(%d+)$')
local found = {}
for _, status in ipairs(LOST) do
  local page = redis.call('ZRANGEBYSCORE', root .. 'de:' .. endpoint .. ':' .. status, from, to, 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #page, 2 do found[#found + 1] = { id = page[i], ordinal = tonumber(page[i + 1]) } end
end
table.sort(found, function(a, b) return a.ordinal < b.ordinal end)
local now, sent = clock() + tonumber(ARGV[6]), 0
for i = 1, math.min(#found, most) do
  local d = load_delivery(found[i].id)
  if d then deliver_again(d, now) end
  sent = sent + 1
end
-- What fails once more is not met a second time: the span begins after the last one.
if sent < most then redis.call('HDEL', recoveries, endpoint)
else redis.call('HSET', recoveries, endpoint, int(found[sent].ordinal + 1) .. '|' .. to) end
return { sent }
