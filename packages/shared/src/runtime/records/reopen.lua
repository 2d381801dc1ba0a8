--[[
reopen: retry of what failed or was canceled, and the human's answer to needs_review. A new run has new
        limits; a spare song is published without a call.
keys:   1 root of our keys
args:   1 id  2 operation made by the caller  3 retry | resolve_retry | resolve_fail
        4 charged: 'charged' or 'none' for the attempts nobody knew about ('' = leave them)
        5 idempotency key, hashed ('' none)  6 fingerprint
answer: reopened, run, 1 if the caller adds the pointer, priority | replayed | key_reused | conflict, status | missing
twice:  the same operation answers reopened again and starts no second run
arrows: failed -> queued, canceled -> queued, needs_review -> queued, needs_review -> failed, queued -> failed,
        failed -> succeeded, canceled -> succeeded, needs_review -> succeeded
]]
-- @include record.lua
-- @include waiting.lua
-- @include line-up.lua
-- @include attempt.lua
local id, operation, action, charged, idempotency, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local g = load(id)
if not g then return { 'missing' } end
local now = clock()

local function reopened()
  local add = not SETTLED[g.status] and redis.call('ZSCORE', root .. 'window', g.id)
  return { 'reopened', int(g.run), add and '1' or '0', g.priority }
end

if redis.call('HGET', g.key, 'operation') == operation then return reopened() end
if idempotency ~= '' then
  local known = redis.call('HGET', root .. 'i:' .. idempotency, 'fingerprint')
  if known == fingerprint then return { 'replayed' } end
  if known then return { 'key_reused' } end
end
local allowed = action == 'retry' and (g.status == 'failed' or g.status == 'canceled')
  or action ~= 'retry' and g.status == 'needs_review'
if not allowed then return { 'conflict', g.status } end
-- What runs again while its batch is being canceled would be canceled again.
if g.batch and redis.call('HGET', root .. 'b:' .. g.batch, 'canceling') then return { 'conflict', g.status } end

redis.call('HSET', g.key, 'operation', operation)
-- How the run before ended stays with its event, for streams that are behind.
local ended = 'h:' .. redis.call('HGET', g.key, 'sequence')
redis.call('HSET', g.key, ended, redis.call('HGET', g.key, ended) .. '|' .. (redis.call('HGET', g.key, 'error') or ''))
if idempotency ~= '' then
  redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id)
  -- All of them, so that erase lets each one end.
  local known = redis.call('HGET', g.key, 'idempotency_reopen')
  redis.call('HSET', g.key, 'idempotency_reopen', known and known .. ' ' .. idempotency or idempotency)
end
if charged ~= '' then
  local total = tonumber(redis.call('HGET', g.key, 'attempts_total') or '0')
  for number = 1, total do
    local text = redis.call('HGET', g.key, 'a:' .. number)
    if text then
      local a = cjson.decode(text)
      if a.charge == 'unknown' and a.finished_at then
        a.charge = charged
        save_attempt(g, a)
      end
    end
  end
end

if action == 'resolve_fail' then
  -- The question is answered; what is left is what went wrong.
  local e = cjson.decode(redis.call('HGET', g.key, 'error'))
  e.code = e.cause or e.code
  redis.call('HSET', g.key, 'error', cjson.encode(e))
  transition(g, 'failed', now)
  return reopened()
end
if g.spare then
  redis.call('HSET', g.key, 'song', g.spare)
  redis.call('HDEL', g.key, 'spare', 'error')
  transition(g, 'succeeded', now)
  return reopened()
end
g.run = g.run + 1
redis.call('HSET', g.key, 'run', g.run, 'counted', 0, 'unknown', 0)
redis.call('HDEL', g.key, 'error', 'finished_at')
transition(g, 'queued', now)
line_up(g, now)
return reopened()
