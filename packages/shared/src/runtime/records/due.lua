--[[
due: moves scheduled generations into line when their time has come, and cancels those whose first call was
        not started by the time they name. One worker at a time does it.
keys:   1 root of our keys
args:   1 worker  2 lease in ms  3 most at once, of each kind
answer: how many were canceled, how many came into line, then for each canceled: id, run; then for each of those
        in line that BullMQ's window has room for: id, run, priority; or the word other when another worker does it
twice:  goes on with further ones; what an unread answer put into the window is found by repair
arrows: scheduled -> queued, scheduled -> canceled, queued -> canceled, queued -> failed
]]
-- @include record.lua
-- @include waiting.lua
-- @include line-up.lua
-- @include verdict.lua
local worker, lease, most = ARGV[1], ARGV[2], ARGV[3]
local lease_key = root .. 'lease:due'
local holder = redis.call('GET', lease_key)
if holder and holder ~= worker then return { 'other' } end
redis.call('SET', lease_key, worker, 'PX', lease)

local now = clock()
local function past(set)
  return redis.call('ZRANGEBYSCORE', root .. set, '-inf', int(now), 'LIMIT', 0, most)
end

local late = past('deadlines')
local answer = { 0, 0 }
for _, id in ipairs(late) do
  local g = load(id)
  redis.call('ZREM', root .. 'deadlines', id)
  if g and (g.status == 'queued' or g.status == 'scheduled') then
    expire(g, now)
    answer[1] = answer[1] + 1
    answer[#answer + 1] = g.id
    answer[#answer + 1] = int(g.run)
  end
end

local woken = past('scheduled')
answer[2] = #woken
for _, id in ipairs(woken) do
  local g = load(id)
  redis.call('ZREM', root .. 'scheduled', id)
  if g and g.status == 'scheduled' then
    transition(g, 'queued', now)
    if line_up(g, now) then
      answer[#answer + 1] = g.id
      answer[#answer + 1] = int(g.run)
      answer[#answer + 1] = g.priority
    end
  end
end
return answer
