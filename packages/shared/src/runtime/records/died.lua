--[[
died: the worker of an attempt is known to be dead, by what it left on its disk. Its call may have been billed,
      and nobody has to wait for the end of its lease to learn that.
keys:   1 root of our keys
args:   1 id  2 token  3 worker  4 MAX_ATTEMPTS  5 MAX_UNKNOWN_CHARGES
answer: closed, status now, run | gone (no record)
twice:  an attempt is closed once; the answer is read from the record, so it is the same again
arrows: processing -> queued, processing -> needs_review, processing -> failed
]]
-- @include record.lua
-- @include waiting.lua
-- @include attempt.lua
-- @include stone.lua
-- @include verdict.lua
-- @include dead-call.lua
local id, token, worker = ARGV[1], ARGV[2], ARGV[3]
local limits = { max_attempts = tonumber(ARGV[4]), max_unknown = tonumber(ARGV[5]) }
local g = load(id)
if not g then
  settle_stone(id, token, 'unknown', 'unknown')
  return { 'gone' }
end
local now = clock()
local a, found = attempt_or_found(g, token, worker, now)
if not a.finished_at then
  local current = g.token == token
  local ended = close_dead_call(g, a, limits, now)
  if found then count_found(g, DEAD_CALL) end
  if current and not ended and g.status == 'processing' then transition(g, 'queued', now) end
end
return { 'closed', g.status, int(g.run) }
