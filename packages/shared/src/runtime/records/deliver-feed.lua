--[[
deliver-feed: gives BullMQ the deliveries that are due, of each target as many as it takes at once; one that fails
        again and again gets one at a time, so it delays nobody else. What waits for a disabled endpoint is canceled.
keys:   1 root of our keys
args:   1 most at once  2 most that BullMQ may have  3 ms by which the clock runs ahead (0 but in tests)
answer: 1 if recoveries are under way, then for each delivery: id, number of its attempt
twice:  goes on with further ones; what an unread answer put into the window is found by the worker's repairs
arrows: none
]]
-- @include record.lua
local most, size, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock() + ahead
local answer = { redis.call('EXISTS', root .. 'recoveries') }
local room = math.min(most, size - redis.call('ZCARD', root .. 'deliver-window'))
if room <= 0 then return answer end

local function cancel_all(target)
  for _, id in ipairs(redis.call('ZRANGE', root .. 'line:' .. target, 0, room - 1)) do
    local d = load_delivery(id)
    if d then end_delivery(d, 'canceled') else redis.call('ZREM', root .. 'line:' .. target, id) end
    room = room - 1
  end
  look_at(target)
end

-- One project alone never has more than its share of BullMQ's window.
local function share_of(project)
  return PACE.project - tonumber(redis.call('HGET', root .. 'flying', project) or '0')
end

for _, target in ipairs(redis.call('ZRANGEBYSCORE', root .. 'owed', '-inf', int(now), 'LIMIT', 0, most)) do
  if room <= 0 then break end
  if redis.call('HGET', root .. 'ep:' .. target, 'enabled') == '0' then cancel_all(target)
  else
    local due = redis.call('ZRANGEBYSCORE', root .. 'line:' .. target, '-inf', int(now), 'LIMIT', 0,
      math.max(math.min(read_target(target).room, room), 0))
    local full = false
    for _, id in ipairs(due) do
      local d = load_delivery(id)
      if not d then redis.call('ZREM', root .. 'line:' .. target, id)
      elseif share_of(d.project) <= 0 then full = true
      else
        enter_window(d, now)
        room = room - 1
        answer[#answer + 1] = id
        answer[#answer + 1] = int(d.tries + 1)
      end
    end
    look_at(target)
    -- Others go first until some of the project's have ended.
    if full then redis.call('ZADD', root .. 'owed', int(now + 250), target) end
  end
end
return answer
