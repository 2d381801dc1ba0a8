--[[
endpoint-save: a new endpoint of a project, or changes of one. From the next event on it is told what it asks for.
keys:   1 root of our keys
args:   1 id  2 project  3 idempotency key, hashed ('' none)  4 fingerprint  5 url  6 events as JSON  7 those of them that
        only operators get, as JSON  8 description  9 enabled (1 or 0)  10 secret ('' = it exists and is changed)
        11 most endpoints of a project  12 ms by which the clock runs ahead (0 but in tests)
answer: saved | replayed, id of the one made before | key_reused | too_many | missing
twice:  the same id with the same fields changes nothing more
arrows: none
]]
-- @include record.lua
local id, project, idempotency, fingerprint, secret = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[10]
local key = root .. 'ep:' .. id
local known = redis.call('HMGET', key, 'project', 'events', 'operator_events', 'enabled', 'url')
local now = clock() + tonumber(ARGV[12])

if secret == '' then
  if known[1] ~= project then return { 'missing' } end
elseif not known[1] then
  if idempotency ~= '' then
    local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
    if f[1] == fingerprint then return { 'replayed', f[2] } end
    if f[1] then return { 'key_reused' } end
  end
  if redis.call('ZCARD', root .. 'epl:' .. project) >= tonumber(ARGV[11]) then return { 'too_many' } end
  if idempotency ~= '' then redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', id) end
  local last = tonumber(redis.call('GET', root .. 'delivery-ordinal') or '0')
  local ordinal = int(math.max(last + 1, now * 1000))
  redis.call('SET', root .. 'delivery-ordinal', ordinal)
  redis.call('SADD', root .. 'projects', project)
  redis.call('ZADD', root .. 'epl:' .. project, ordinal, id)
  redis.call('HSET', key, 'project', project, 'ordinal', ordinal, 'created_at', int(now), 'secret', secret,
    'idempotency', idempotency)
end

local function each_list(mine, operators, change)
  for _, kind in ipairs(cjson.decode(mine)) do redis.call(change, root .. 'subs:' .. project .. ':' .. kind, id) end
  for _, kind in ipairs(cjson.decode(operators)) do redis.call(change, root .. 'subs::' .. kind, id) end
end
if known[2] then each_list(known[2], known[3], 'SREM') end
redis.call('HSET', key, 'url', ARGV[5], 'events', ARGV[6], 'operator_events', ARGV[7], 'description', ARGV[8])
if ARGV[9] == '1' then
  each_list(ARGV[6], ARGV[7], 'SADD')
  if known[4] ~= '1' then
    redis.call('HSET', key, 'enabled', 1)
    redis.call('HDEL', key, 'disabled_at', 'disabled_reason', 'failing_since')
  end
  -- Whoever enables it says that it works again; and how long one receiver asked us to wait says nothing of another.
  if known[4] ~= '1' or known[5] ~= ARGV[5] then
    redis.call('HDEL', root .. 'tg:' .. id, 'good', 'bad', 'until')
    look_at(id)
  end
elseif known[4] ~= '0' then
  redis.call('HSET', key, 'enabled', 0, 'disabled_at', int(now), 'disabled_reason', 'by_owner')
  look_at(id)
end
return { 'saved' }
