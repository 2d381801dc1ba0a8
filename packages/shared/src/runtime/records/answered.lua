--[[
answered: a paid answer is safe on the worker's disk but not yet in storage. The money is known from here
          on, and claims wait however long storing takes: the store is tried again, the call is not.
keys:   1 root of our keys
args:   1 id  2 token  3 worker  4 upstream's answer as JSON ('' none)
answer: marked | gone
twice:  the same token marks once
arrows: none
]]
-- @include record.lua
-- @include attempt.lua
-- @include stone.lua
local id, token, worker, upstream = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local g = load(id)
if not g then
  settle_stone(id, token, 'succeeded', 'charged')
  return { 'gone' }
end
local now = clock()
local a = attempt_or_found(g, token, worker, now)
if a.outcome ~= 'succeeded' then close_attempt(g, a, 'succeeded', 'charged', upstream, now) end
-- Found on disk after the call was given up: claims wait for this one too, if nobody calls at the moment; those of a retry as well.
if not g.token and not g.song and not g.spare then
  write_intent(g, token, a.worker, now)
end
if g.token == token then redis.call('HSET', g.key, 'answered', token, 'wait_reason', 'storage') end
return { 'marked' }
