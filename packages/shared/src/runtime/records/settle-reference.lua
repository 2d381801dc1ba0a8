--[[
settle-reference: an upload ended. Keeps the ids it gave and whose they are, or judges what it met by the limits.
keys:   1 root of our keys
args:   1 id  2 token  3 voice id ('' none)  4 instrumental id ('' none)  5 counts toward ('' = it succeeded)
        6 error code  7 message  8 upstream's answer as JSON ('' none)  9 ms until it may start again
        10 1 to hold the account  11 hold: first probe after ms  12 MAX_ATTEMPTS
        13 1 if the answer proves that key and balance are good  14 1 if a limit of the upstream was met, which stops
        all uploads  15 ms of refusals for the rate after which the upload fails (0 = never)
answer: status now, ms until it may start again, ms until the account's next probe (0 = not held), 1 if a hold was lifted
        gone (no record, or the token is not known)
twice:  an upload is settled once; the answer is read from the record, so it is the same again
arrows: none
]]
-- @include record.lua
-- @include holds.lua
-- @include reference.lua
local id, token, voice, instrumental = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local v = { counts = ARGV[5], error = ARGV[6], message = ARGV[7], upstream = ARGV[8] }
local delay, holds, probe_after, most, proves = tonumber(ARGV[9]), ARGV[10] == '1', tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13] == '1'
local limited, give_up = ARGV[14] == '1', tonumber(ARGV[15])
local r = load_reference(id)
if not r then return { 'gone' } end
local now = clock()

local function report()
  local f = redis.call('HMGET', r.key, 'not_before', 'lifted_by')
  local h = read_hold('account')
  return { r.status, int(math.max(tonumber(f[1] or '0') - now, 0)), int(h and math.max(h.next_probe_at - now, 1) or 0),
    f[2] == token and '1' or '0' }
end

if r.token ~= token then
  if redis.call('HGET', r.key, 'settled_by') == token then return report() end
  return { 'gone' }
end
local upload = { token = token, started_at = tonumber(redis.call('HGET', r.key, 'started_at')) }
redis.call('HDEL', r.key, 'token', 'worker')
redis.call('HSET', r.key, 'settled_by', token)
if v.counts == '' then
  if lift_if_proven('account', upload) then redis.call('HSET', r.key, 'lifted_by', token) end
  for field, given in pairs({ voice_id = voice, instrumental_id = instrumental }) do
    if given ~= '' then
      redis.call('HSET', r.key, field, given)
      redis.call('HSET', root .. 'obtained', given, r.project)
    end
  end
  redis.call('HDEL', r.key, 'error', 'rl_since')
  move_reference(r, 'succeeded', now)
  return report()
end
local h = read_hold('account')
if h and h.probe == token then
  if holds then probe_failed(h, v.error, v.message, now)
  elseif proves then
    lift_hold('account')
    redis.call('HSET', r.key, 'lifted_by', token)
  else probe_unclear(h, now) end
end
if holds then set_hold('account', id, v.error, v.message, probe_after, now) end
if limited then redis.call('SET', root .. 'uploads-wait', v.message, 'PX', int(math.max(delay, 1))) end
if give_up == 0 then redis.call('HDEL', r.key, 'rl_since')
else
  redis.call('HSETNX', r.key, 'rl_since', int(now))
  if now - tonumber(redis.call('HGET', r.key, 'rl_since')) > give_up then
    fail_reference(r, v, true, now)
    return report()
  end
end
if count_failure(r, v, most, now) then return report() end
if delay > 0 then redis.call('HSET', r.key, 'not_before', int(now + delay)) end
move_reference(r, 'queued', now)
return report()
