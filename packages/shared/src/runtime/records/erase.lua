--[[
erase: audio and text go; ids and money stay as one short string for as long as records are kept. A call that
        is still open is settled there.
keys:   1 root of our keys
args:   1 id  2 seconds to keep ids and money (0 = for good)
answer: erased | conflict, status | missing
twice:  what is erased already answers erased
arrows: none
]]
-- @include record.lua
-- @include erasing.lua
-- @include stone.lua
local id, keep = ARGV[1], ARGV[2]
local stone = root .. 'x:' .. id
local g = load(id)
if not g then
  if redis.call('EXISTS', stone) == 1 then return { 'erased' } end
  return { 'missing' }
end
if not SETTLED[g.status] then return { 'conflict', g.status } end
local money = { project = g.project, status = g.status, created_at = redis.call('HGET', g.key, 'created_at') }
if g.batch then money.batch, money.model = g.batch, g.model end
local attempts = {}
local total = tonumber(redis.call('HGET', g.key, 'attempts_total') or '0')
for number = 1, total do
  local text = redis.call('HGET', g.key, 'a:' .. number)
  if text then
    attempts[#attempts + 1] = stone_of(cjson.decode(text))
  end
end
-- cjson would write an empty list as an empty object.
if #attempts > 0 then money.attempts = attempts end
local text = cjson.encode(money)
if #attempts == 0 then text = string.sub(text, 1, -2) .. ',"attempts":[]}' end
if keep == '0' then redis.call('SET', stone, text) else redis.call('SET', stone, text, 'EX', keep) end
erase_record(g)
return { 'erased' }
