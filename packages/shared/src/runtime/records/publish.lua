--[[
publish: a song is stored and committed. At most one is ever published; another one is a spare.
keys:   1 root of our keys
args:   1 id  2 token  3 worker  4 song as JSON  5 upstream's answer as JSON ('' none)
answer: published | spare | gone, then 1 if an account hold was lifted or the breaker closed
twice:  the same token answers as before and changes nothing
arrows: processing -> succeeded, queued -> succeeded, scheduled -> succeeded
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include stone.lua
-- @include holds.lua
-- @include breaker.lua
-- @include pace.lua
local id, token, worker, song, upstream = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local g = load(id)
if not g then
  settle_stone(id, token, 'succeeded', 'charged')
  return { 'gone', '0' }
end
local now = clock()

local a = attempt_or_found(g, token, worker, now)
if a.outcome ~= 'succeeded' then
  close_attempt(g, a, 'succeeded', 'charged', upstream, now)
  if not a.found then speed_up(a) end
end
-- When a found song was paid for is not known, so it proves nothing about a hold.
for _, scope in ipairs(a.found and {} or { 'account', 'model:' .. g.model }) do
  if lift_if_proven(scope, a) and scope == 'account' then
    a.lifted = true
    save_attempt(g, a)
  end
end
if not a.found and reached(a) then
  a.lifted = true
  save_attempt(g, a)
end
local lifted = a.lifted and '1' or '0'
redis.call('SADD', root .. 'models-that-worked', g.model)
if g.token == token then clear_intent(g) end

if g.song then
  if cjson.decode(g.song).token == token then return { 'published', lifted } end
  return { 'spare', lifted }
end
if SETTLED[g.status] then
  if not g.spare then redis.call('HSET', g.key, 'spare', song) end
  return { 'spare', lifted }
end
redis.call('HSET', g.key, 'song', song)
-- What a call takes, until its slot is free again: estimates are made of the last 50.
if not a.found then
  redis.call('LPUSH', root .. 'durations', int(now - a.started_at))
  redis.call('LTRIM', root .. 'durations', 0, 49)
end
redis.call('HDEL', g.key, 'spare', 'error', 'not_before', 'wait_reason', 'rl_since')
leave_queue(g)
transition(g, 'succeeded', now)
return { 'published', lifted }
