--[[
deliver-end: an attempt of a delivery ended. It succeeded, waits for its next attempt, or has none left.
keys:   1 root of our keys
args:   1 id  2 number of the attempt  3 succeeded | failed | gone (410)  4 Unix ms of its start  5 its duration in ms
        6 status code ('' none)  7 error ('' none)  8 beginning of the answer  9 ms until the next attempt ('' none is left)
        10 ms for which the target asks to be left alone (0 = it does not)  11 first pause of a target that keeps failing, ms
        12 ms by which the clock runs ahead (0 but in tests)
answer: status now, Unix ms of the next attempt (0 = none) | gone (no such delivery)
twice:  an attempt ends once; the answer is read from the record, so it is the same again
arrows: none
]]
-- @include record.lua
local DAY = 86400000
local KEPT_ATTEMPTS, MOST_PAUSES, GIVE_UP_AFTER = 20, 12, 5 * DAY
local id, number, outcome, again, throttle = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[9], tonumber(ARGV[10])
local d = load_delivery(id)
if not d then return { 'gone' } end
local now = clock() + tonumber(ARGV[12])

local function report()
  return { d.status, int(d.status == 'pending' and tonumber(redis.call('HGET', d.key, 'due')) or 0) }
end

if d.tries >= number then return report() end
redis.call('HSET', d.key, 'tries', number, 'a:' .. number, table.concat({ ARGV[4], ARGV[5], ARGV[6], ARGV[7] }, '|'),
  'answer', ARGV[8])
redis.call('HDEL', d.key, 'a:' .. (number - KEPT_ATTEMPTS))

local target, endpoint = root .. 'tg:' .. d.target, root .. 'ep:' .. d.endpoint
if outcome == 'succeeded' then
  redis.call('HINCRBY', target, 'good', 1)
  redis.call('HDEL', target, 'bad', 'until')
  if d.endpoint ~= '' then redis.call('HDEL', endpoint, 'failing_since') end
  -- One that was canceled while it was sent has been delivered all the same.
  end_delivery(d, 'succeeded')
  return report()
end

local bad = redis.call('HINCRBY', target, 'bad', 1)
redis.call('HDEL', target, 'good')
local rest = throttle
-- It doubles up to a minute, at the first pause of five seconds that is the default.
if bad >= PACE.trip then rest = math.max(rest, tonumber(ARGV[11]) * math.min(2 ^ math.min(bad - PACE.trip, 20), MOST_PAUSES)) end
if rest > 0 then redis.call('HSET', target, 'until', int(now + rest)) end

local ends
if d.endpoint ~= '' and redis.call('EXISTS', endpoint) == 0 then
  -- Deleted while this was on its way.
  ends = true
elseif d.endpoint ~= '' then
  redis.call('HSETNX', endpoint, 'failing_since', int(now))
  local since = tonumber(redis.call('HGET', endpoint, 'failing_since'))
  -- Five days lie between the first failure and this one, so these two are more than twelve hours apart.
  local why = outcome == 'gone' and 'gone' or now - since >= GIVE_UP_AFTER and 'failing' or nil
  if why and redis.call('HGET', endpoint, 'enabled') == '1' then disable_endpoint(d.endpoint, endpoint, d.project, why, now) end
  ends = redis.call('HGET', endpoint, 'enabled') == '0'
elseif outcome == 'gone' then
  ends = true
  -- What waits for the same URL ends now, and what this does not find when it is its turn.
  redis.call('SET', root .. 'gone:' .. redis.sha1hex(d.project .. ' ' .. d.url), redis.call('GET', root .. 'delivery-ordinal'), 'PX', 30 * DAY)
  for _, other in ipairs(redis.call('ZRANGE', root .. 'line:' .. d.target, 0, 999)) do
    local o = load_delivery(other)
    if o and o.url == d.url and o.project == d.project then end_delivery(o, 'canceled') end
  end
end

if d.status ~= 'pending' then
  leave_window(d)
  look_at(d.target)
elseif outcome == 'gone' or again == '' then end_delivery(d, 'failed')
elseif ends then end_delivery(d, 'canceled')
else
  leave_window(d)
  line_up_delivery(d, now + tonumber(again))
end
return report()
