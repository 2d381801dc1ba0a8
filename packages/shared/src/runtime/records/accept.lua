--[[
accept: records generations and puts them in line, and decides idempotency in the same step.
keys:   1 root of our keys
args:   1 idempotency key, hashed ('' none)  2 fingerprint  3 most waiting generations  4 project  5 number of items,
        then for each: id, priority, model, policy for unknown charges, not before (Unix ms, 0 = now),
        first call by (Unix ms, 0 = whenever), request as JSON
answer: accepted, then for each item 1 (add its pointer now), 0 (the feeder will) or s (it is scheduled), then the
        first item's ordinal
        refused, then a pointer and a code for each reference or id that the project may not name
        replayed, id of the record made before | key_reused | queue_full | late (the time for a first call is over)
twice:  the same ids again change nothing and answer as before
arrows: (new) -> queued, (new) -> scheduled, queued -> failed, scheduled -> failed
]]
-- @include record.lua
-- @include waiting.lua
-- @include line-up.lua
-- @include new-generation.lua
local idempotency, fingerprint, most, project, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local first_id = ARGV[6]

if idempotency ~= '' then
  local f = redis.call('HMGET', root .. 'i:' .. idempotency, 'fingerprint', 'id')
  if f[1] and f[2] ~= first_id then
    if f[1] == fingerprint then return { 'replayed', f[2] } end
    return { 'key_reused' }
  end
end

local answer = { 'accepted' }
if redis.call('EXISTS', root .. 'g:' .. first_id) == 1 then
  for i = 1, count do answer[#answer + 1] = place_of(ARGV[6 + (i - 1) * 7]) end
  answer[#answer + 1] = redis.call('HGET', root .. 'g:' .. first_id, 'ordinal')
  return answer
end

if count_waiting() + count > most then return { 'queue_full' } end

local named, refused = {}, { 'refused' }
for i = 1, count do
  named[i] = named_in(ARGV[12 + (i - 1) * 7])
  if named[i] then named_faults(project, named[i], refused) end
end
if #refused > 1 then return refused end

local now, micros = clock()
for i = 1, count do
  local start_by = tonumber(ARGV[11 + (i - 1) * 7])
  if start_by > 0 and start_by <= now then return { 'late' } end
end
local last = tonumber(redis.call('GET', root .. 'ordinal') or '0')
redis.call('SADD', root .. 'projects', project)
local first_ordinal = int(math.max(last + 1, micros))
for i = 1, count do
  last = math.max(last + 1, micros)
  answer[#answer + 1] = create_generation(6 + (i - 1) * 7, project, last, named[i], idempotency, nil, nil, now)
end
redis.call('SET', root .. 'ordinal', int(last))
if idempotency ~= '' then redis.call('HSET', root .. 'i:' .. idempotency, 'fingerprint', fingerprint, 'id', first_id) end
answer[#answer + 1] = first_ordinal
return answer
