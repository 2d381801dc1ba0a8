--[[
deliver-claim: what an attempt of a delivery needs: where to, signed with what, and how its subject was.
keys:   1 root of our keys
args:   1 id  2 number of the attempt  3 a new secret, for a project that has none yet
        4 ms by which the clock runs ahead (0 but in tests)
answer: send, Unix ms now, url, event, type, Unix ms of the event, subject, body ('' not frozen yet), snapshot ('' frozen), steps
        of the schedule taken, secrets (the newest first)
        done (nothing is to be sent: settled, gone, or another attempt's turn)
twice:  answers the same
arrows: none
]]
-- @include record.lua
-- @include secrets.lua
local id, number, ahead = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local d = load_delivery(id)
if not d then
  redis.call('ZREM', root .. 'deliver-window', id)
  return { 'done' }
end
if d.status ~= 'pending' or d.tries + 1 ~= number or not redis.call('ZSCORE', root .. 'deliver-window', id) then return { 'done' } end
local now = clock() + ahead
local holder = root .. 'ws:' .. d.project
if d.endpoint ~= '' then
  holder = root .. 'ep:' .. d.endpoint
  local f = redis.call('HMGET', holder, 'enabled', 'url')
  if f[1] ~= '1' then
    end_delivery(d, 'canceled')
    return { 'done' }
  end
  if f[2] ~= d.url then
    d.url = f[2]
    redis.call('HSET', d.key, 'url', d.url)
  end
else
  redis.call('HSETNX', holder, 'secret', ARGV[3])
  -- Somebody said that the URL is gone after this was owed.
  local gone = redis.call('GET', root .. 'gone:' .. redis.sha1hex(d.project .. ' ' .. d.url))
  if gone and tonumber(gone) >= tonumber(d.ordinal) then
    end_delivery(d, 'canceled')
    return { 'done' }
  end
end
local e = redis.call('HMGET', root .. 'e:' .. d.event, 'at', 'body', 'snapshot')
local base = tonumber(redis.call('HGET', d.key, 'base') or '0')
local answer = { 'send', int(now), d.url, d.event, d.type, e[1], d.subject, e[2] or '', e[3] or '', int(d.tries - base) }
for _, secret in ipairs(secrets_of(holder, now)) do answer[#answer + 1] = secret end
return answer
