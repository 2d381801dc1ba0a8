--[[
reap: closes the open calls of dead workers that nobody will claim after: those of settled and of erased generations.
      They may have been billed, and somebody may be waiting to hear it.
keys:   1 root of our keys
args:   1 lease in ms  2 first rank  3 how many
answer: calls looked at, calls left open
twice:  finds nothing more to close
arrows: none
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include verdict.lua
-- @include dead-call.lua
-- @include stone.lua
local lease, from, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()

-- True while it stays open.
local function reap(id)
  local g = load(id)
  if g then
    if not g.token then return false end
    if not SETTLED[g.status] or g.answered or alive_for(g.worker, lease, now) > 0 then return true end
    close_dead_call(g, attempt_of(g, g.token), nil, now)
    return false
  end
  local stone = read_stone(id)
  for _, a in ipairs(stone and stone.attempts or {}) do
    if a.worker and alive_for(a.worker, lease, now) > 0 then return true end
    if a.worker then settle_stone(id, a.token, 'unknown', 'unknown') end
  end
  return false
end

local page = redis.call('ZRANGE', root .. 'calls', from, from + count - 1)
local left = 0
for _, id in ipairs(page) do
  if reap(id) then left = left + 1 else redis.call('ZREM', root .. 'calls', id) end
end
return { #page, left }
