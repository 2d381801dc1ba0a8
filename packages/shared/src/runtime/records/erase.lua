--[[
erase: audio and text go; ids and money stay as one short string for as long as records are kept.
keys:   1 root of our keys
args:   1 id  2 seconds to keep ids and money
answer: erased | conflict, status | missing
twice:  what is erased already answers erased
arrows: none
]]
-- @include record.lua
local id, keep = ARGV[1], ARGV[2]
local stone = root .. 'x:' .. id
local g = load(id)
if not g then
  if redis.call('EXISTS', stone) == 1 then return { 'erased' } end
  return { 'missing' }
end
if not SETTLED[g.status] then return { 'conflict', g.status } end
local money = { project = g.project, status = g.status, created_at = redis.call('HGET', g.key, 'created_at') }
local attempts = {}
local total = tonumber(redis.call('HGET', g.key, 'attempts_total') or '0')
for number = 1, total do
  local text = redis.call('HGET', g.key, 'a:' .. number)
  if text then
    local a = cjson.decode(text)
    attempts[#attempts + 1] = { number = a.number, run = a.run, outcome = a.outcome, charge = a.charge, started_at = a.started_at }
  end
end
-- cjson would write an empty list as an empty object.
if #attempts > 0 then money.attempts = attempts end
local text = cjson.encode(money)
if #attempts == 0 then text = string.sub(text, 1, -2) .. ',"attempts":[]}' end
redis.call('SET', stone, text, 'EX', keep)
-- The caller removes the files now; this remembers them should it die first.
redis.call('SADD', root .. 'sweep', id)
local keys = redis.call('HMGET', g.key, 'idempotency', 'idempotency_reopen')
for hash in string.gmatch((keys[1] or '') .. ' ' .. (keys[2] or ''), '%S+') do
  redis.call('EXPIRE', root .. 'i:' .. hash, 86400)
end
redis.call('ZREM', root .. 'l:' .. g.project, id)
redis.call('ZREM', root .. 'l:' .. g.project .. ':' .. g.status, id)
redis.call('DEL', g.key)
return { 'erased' }
