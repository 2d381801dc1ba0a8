-- What a change of state owes to whoever asked to be told, written in the step that makes the change.
--   e:<event>        one event, how its subject was (`snapshot`, until the first sender froze the `body`), and its deliveries' number
--   d:<delivery>     one event on its way to one URL, in `dl:` by project, `de:` by endpoint, both by status, and `dg:` by subject
--   line:<target>    deliveries that wait, by when they are due. A target is an endpoint, or the origin of requests' own URLs
--   owed             targets, by when one of theirs may go out
--   deliver-window   deliveries that BullMQ has, by when they came there; `flying` in `tg:<target>` says how many are whose
local PACE = { first = 4, most = 64, doubted = 2, trip = 5, project = 100 }
-- How many to one target at once: more with each success, few after a failure, one after several in a row.
local function pace_of(good, bad)
  if bad >= PACE.trip then return 1 end
  if bad > 0 then return PACE.doubted end
  return math.min(PACE.first + good, PACE.most)
end

local function read_target(target)
  local f = redis.call('HMGET', root .. 'tg:' .. target, 'flying', 'good', 'bad', 'until')
  local t = { flying = tonumber(f[1] or '0'), good = tonumber(f[2] or '0'), bad = tonumber(f[3] or '0'), rest = tonumber(f[4] or '0') }
  t.room = pace_of(t.good, t.bad) - t.flying
  return t
end

-- Says in `owed` when the target is to be looked at next, if ever.
local function look_at(target)
  local t = read_target(target)
  local first = redis.call('ZRANGE', root .. 'line:' .. target, 0, 0, 'WITHSCORES')
  if first[1] and redis.call('HGET', root .. 'ep:' .. target, 'enabled') == '0' then
    -- What waits for a disabled endpoint is canceled now and not when it would have been due.
    redis.call('ZADD', root .. 'owed', 0, target)
    return
  end
  if first[1] and t.room > 0 then
    redis.call('ZADD', root .. 'owed', int(math.max(tonumber(first[2]), t.rest)), target)
    return
  end
  redis.call('ZREM', root .. 'owed', target)
  -- How fast it was is worth knowing for an hour.
  if not first[1] and t.flying <= 0 then redis.call('EXPIRE', root .. 'tg:' .. target, 3600) end
end

local function load_delivery(id)
  local key = root .. 'd:' .. id
  local f = redis.call('HMGET', key, 'project', 'event', 'type', 'subject', 'target', 'endpoint', 'url', 'status', 'ordinal', 'tries')
  if not f[1] then return nil end
  return {
    id = id, key = key, project = f[1], event = f[2], type = f[3], subject = f[4], target = f[5], endpoint = f[6], url = f[7],
    status = f[8], ordinal = f[9], tries = tonumber(f[10]),
  }
end

local function lists_of(d)
  local lists = { 'dl:' .. d.project .. ':' }
  if d.endpoint ~= '' then lists[2] = 'de:' .. d.endpoint .. ':' end
  return lists
end

-- The only place where the status of a delivery changes.
local function mark_delivery(d, status)
  for _, list in ipairs(lists_of(d)) do
    if d.status then redis.call('ZREM', root .. list .. d.status, d.id) end
    redis.call('ZADD', root .. list .. status, d.ordinal, d.id)
  end
  redis.call('HSET', d.key, 'status', status)
  d.status = status
end

-- `flying` says how many of a target's, and of a project's, BullMQ has.
local function count_flying(d, change)
  redis.call('HINCRBY', root .. 'tg:' .. d.target, 'flying', change)
  redis.call('PERSIST', root .. 'tg:' .. d.target)
  if redis.call('HINCRBY', root .. 'flying', d.project, change) <= 0 then redis.call('HDEL', root .. 'flying', d.project) end
end

local function enter_window(d, now)
  redis.call('ZREM', root .. 'line:' .. d.target, d.id)
  if redis.call('ZADD', root .. 'deliver-window', int(now), d.id) == 1 then count_flying(d, 1) end
end

local function leave_window(d)
  if redis.call('ZREM', root .. 'deliver-window', d.id) == 1 then count_flying(d, -1) end
end

local function line_up_delivery(d, due)
  redis.call('HSET', d.key, 'due', int(due))
  redis.call('ZADD', root .. 'line:' .. d.target, int(due), d.id)
  look_at(d.target)
end

-- It waits no more, neither in line nor with BullMQ.
local function end_delivery(d, status)
  leave_window(d)
  redis.call('ZREM', root .. 'line:' .. d.target, d.id)
  redis.call('HDEL', d.key, 'due')
  mark_delivery(d, status)
  look_at(d.target)
end

local function forget_delivery(id, subject)
  redis.call('ZREM', root .. 'dg:' .. subject, id)
  local d = load_delivery(id)
  if not d then return end
  leave_window(d)
  redis.call('ZREM', root .. 'line:' .. d.target, id)
  look_at(d.target)
  for _, list in ipairs(lists_of(d)) do redis.call('ZREM', root .. list .. d.status, id) end
  redis.call('DEL', d.key)
  local event = root .. 'e:' .. d.event
  if redis.call('HINCRBY', event, 'n', -1) <= 0 then redis.call('DEL', event) end
end

-- Once more from the first step of the schedule.
local function deliver_again(d, now)
  if d.endpoint == '' then redis.call('DEL', root .. 'gone:' .. redis.sha1hex(d.project .. ' ' .. d.url)) end
  redis.call('HSET', d.key, 'base', d.tries)
  if d.status ~= 'pending' then mark_delivery(d, 'pending') end
  if not redis.call('ZSCORE', root .. 'deliver-window', d.id) then line_up_delivery(d, now) end
end

-- The subject goes for good, and what was to be told about it.
local function forget_deliveries_of(subject)
  for _, id in ipairs(redis.call('ZRANGE', root .. 'dg:' .. subject, 0, -1)) do forget_delivery(id, subject) end
end

-- e: the event  to: { target, endpoint ('' none), url }
local function owe_delivery(e, to, now)
  local id = 'dlv_' .. string.sub(redis.sha1hex(e.id .. ' ' .. (to.endpoint ~= '' and to.endpoint or to.url)), 1, 32)
  local last = tonumber(redis.call('GET', root .. 'delivery-ordinal') or '0')
  local ordinal = int(math.max(last + 1, now * 1000))
  redis.call('SET', root .. 'delivery-ordinal', ordinal)
  local d = { id = id, key = root .. 'd:' .. id, project = e.project, endpoint = to.endpoint, target = to.target, ordinal = ordinal }
  redis.call('HSET', d.key, 'project', e.project, 'event', e.id, 'type', e.type, 'subject', e.subject, 'target', to.target,
    'endpoint', to.endpoint, 'url', to.url, 'ordinal', ordinal, 'tries', 0)
  redis.call('HINCRBY', root .. 'e:' .. e.id, 'n', 1)
  redis.call('ZADD', root .. 'dg:' .. e.subject, ordinal, id)
  mark_delivery(d, 'pending')
  line_up_delivery(d, now)
  return id
end

-- How the subject is now: its fields and values, but for those that nobody is told.
local UNTOLD = { idempotency = true, idempotency_reopen = true, operation = true, token = true, spare = true, settled_by = true,
  secret = true, old_secrets = true }
local function snapshot_of(key)
  local fields, told = redis.call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    if not UNTOLD[fields[i]] and not string.find(fields[i], '^[ht]:') then
      told[#told + 1] = fields[i]
      told[#told + 1] = fields[i + 1]
    end
  end
  return cjson.encode(told)
end

-- By name and not by chance: should Redis forget the step and take it again, it is the same event.
local function event_id_of(name)
  return 'evt_' .. string.sub(redis.sha1hex(name), 1, 32)
end

-- e: { project ('' = operators), type, subject, name: what makes it this event and no other, key: hash of the subject,
--      or snapshot: a list of names and values }
-- own: { url, target } of the request itself, or nil  only: one endpoint that is told whatever it asked for, or nil
local function owe(e, own, only, now)
  local endpoints = only and { only } or redis.call('SMEMBERS', root .. 'subs:' .. e.project .. ':' .. e.type)
  if #endpoints == 0 and not own then return nil end
  e.id = event_id_of(e.name)
  local key = root .. 'e:' .. e.id
  if redis.call('EXISTS', key) == 1 then return redis.call('HGET', key, 'last') end
  redis.call('HSET', key, 'project', e.project, 'type', e.type, 'subject', e.subject, 'at', int(now),
    'snapshot', e.key and snapshot_of(e.key) or cjson.encode(e.snapshot))
  local id
  for _, endpoint in ipairs(endpoints) do
    local f = redis.call('HMGET', root .. 'ep:' .. endpoint, 'project', 'url')
    -- What operators are told belongs to the project of the endpoint that asked for it.
    local of = { id = e.id, project = f[1], type = e.type, subject = e.subject }
    if f[1] then id = owe_delivery(of, { target = endpoint, endpoint = endpoint, url = f[2] }, now) end
  end
  if own then id = owe_delivery(e, { target = own.target, endpoint = '', url = own.url }, now) end
  if id then redis.call('HSET', key, 'last', id) else redis.call('DEL', key) end
  return id
end

-- The request's own URL, if it asked to be told of this.
local function own_hook(g, kind)
  local request = redis.call('HGET', g.key, 'request')
  if not string.find(request, '"webhook":{', 1, true) then return nil end
  local webhook = cjson.decode(request).webhook
  for _, event in ipairs(webhook and webhook.events or {}) do
    if event == kind then
      local origin = string.match(webhook.url, '^%a+://[^/?]+') or webhook.url
      return { url = webhook.url, target = string.sub(redis.sha1hex(g.project .. ' ' .. origin), 1, 20) }
    end
  end
end

-- Settled ones happen once in a run; the others are told apart by their place in the history.
local function owe_generation(g, status, sequence, settled, now)
  local kind = 'generation.' .. status
  local name = g.id .. ' ' .. int(g.run) .. ' ' .. kind .. (settled and '' or ' ' .. sequence)
  owe({ project = g.project, type = kind, subject = g.id, name = name, key = g.key }, own_hook(g, kind), nil, now)
end

-- An endpoint is told nothing more; what waits for it is canceled when it is looked at.
local function disable_endpoint(id, key, project, reason, now)
  for _, kind in ipairs(cjson.decode(redis.call('HGET', key, 'events'))) do
    redis.call('SREM', root .. 'subs:' .. project .. ':' .. kind, id)
    redis.call('SREM', root .. 'subs::' .. kind, id)
  end
  redis.call('HSET', key, 'enabled', 0, 'disabled_at', int(now), 'disabled_reason', reason)
  look_at(id)
  announce('endpoint.disabled', 'id', id, 'project', project, 'reason', reason)
  owe({ project = project, type = 'endpoint.disabled', subject = id, name = id .. ' disabled ' .. int(now), key = key }, nil, nil, now)
end

-- What operators are told: an event of the stream, and a delivery to each of their endpoints that asked for it.
local function tell_operators(kind, name, subject, ...)
  announce(kind, name, subject, ...)
  local now, micros = clock()
  owe({ project = '', type = kind, subject = subject, name = kind .. ' ' .. subject .. ' ' .. int(micros), snapshot = { name, subject, ... } },
    nil, nil, now)
end
