--[[
beat: a worker is alive. Says so to everybody's claims, and sizes BullMQ's window from who is alive.
keys:   1 root of our keys
args:   1 worker  2 its concurrency  3 what it says of itself as JSON  4 lease in ms
        5 UPSTREAM_MAX_CONCURRENCY (0 = unlimited)  6 1 when it leaves for good
answer: live workers, slots over all of them
twice:  is one more beat
arrows: none
]]
-- @include record.lua
local worker, concurrency, about, lease, most, leaves = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local now = clock()
local workers = root .. 'workers'
if leaves == '1' then
  redis.call('ZREM', workers, worker)
  redis.call('DEL', root .. 'w:' .. worker)
else
  redis.call('ZADD', workers, int(now), worker)
  redis.call('HSET', root .. 'w:' .. worker, 'concurrency', concurrency, 'about', about, 'seen_at', int(now))
end
-- A worker silent for ten leases is forgotten; its open intents are dead long before.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', int(now - lease * 10), 'LIMIT', 0, 100)) do
  redis.call('ZREM', workers, old)
  redis.call('DEL', root .. 'w:' .. old)
end
local live = redis.call('ZRANGEBYSCORE', workers, '(' .. int(now - lease), '+inf')
local slots = 0
for _, each in ipairs(live) do
  slots = slots + tonumber(redis.call('HGET', root .. 'w:' .. each, 'concurrency') or '0')
end
if most > 0 then slots = math.min(slots, most) end
redis.call('SET', root .. 'slots', int(slots))
redis.call('SET', root .. 'window-size', int(math.max(slots * 2, 20)))
return { #live, slots }
