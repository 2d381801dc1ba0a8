--[[
owe: an event that no other script makes: the ping to an endpoint, or something that operators are told.
keys:   1 root of our keys
args:   1 type  2 subject  3 what makes it this event and no other  4 what is told, as a JSON list of names and values
        5 project ('' = operators)  6 the one endpoint that is told ('' = all that asked for it)
        7 idempotency key, hashed ('' none)  8 fingerprint  9 ms by which the clock runs ahead (0 but in tests)
answer: owed, id of the last delivery made ('' = none) | replayed, the id from before | key_reused
        disabled | missing (the one endpoint is)
twice:  the same name makes no further event and answers the same
arrows: none
]]
-- @include record.lua
-- @include action-key.lua
local name, only, idempotency, fingerprint = ARGV[3], ARGV[6] ~= '' and ARGV[6] or nil, ARGV[7], ARGV[8]
local made = redis.call('HGET', root .. 'e:' .. event_id_of(name), 'last')
if made then return { 'owed', made } end
local before, id = action_before(idempotency, fingerprint)
if before then return { before, id or '' } end
if only then
  local f = redis.call('HMGET', root .. 'ep:' .. only, 'project', 'enabled')
  if not f[1] then return { 'missing' } end
  if f[2] ~= '1' then return { 'disabled' } end
end
local event = { project = ARGV[5], type = ARGV[1], subject = ARGV[2], name = name, snapshot = cjson.decode(ARGV[4]) }
local delivery = owe(event, nil, only, clock() + tonumber(ARGV[9])) or ''
keep_action_key(idempotency, fingerprint, delivery)
return { 'owed', delivery }
