-- A reference: an uploaded voice, instrumental or song. `uploads` holds those that are not settled, `rw:<id>` the
-- generations that wait for one, `settled-references` those whose waiters have not been told yet.
local function load_reference(id)
  local key = root .. 'r:' .. id
  local f = redis.call('HMGET', key, 'project', 'status', 'run', 'ordinal', 'token', 'worker', 'not_before', 'counted')
  if not f[1] then return nil end
  return {
    id = id, key = key, project = f[1], status = f[2], run = tonumber(f[3]), ordinal = f[4], token = f[5], worker = f[6],
    not_before = tonumber(f[7] or '0'), counted = tonumber(f[8] or '0'),
  }
end

local function reference_settled(r)
  return r.status == 'succeeded' or r.status == 'failed'
end

-- The only place where the status of a reference changes.
local function move_reference(r, to, now)
  r.status = to
  redis.call('HSET', r.key, 'status', to)
  if not reference_settled(r) then
    redis.call('ZADD', root .. 'uploads', r.ordinal, r.id)
    return
  end
  redis.call('HSET', r.key, 'finished_at', int(now))
  redis.call('HDEL', r.key, 'not_before')
  redis.call('ZREM', root .. 'uploads', r.id)
  if redis.call('EXISTS', root .. 'rw:' .. r.id) == 1 then redis.call('SADD', root .. 'settled-references', r.id) end
  announce('reference.' .. to, 'id', r.id, 'project', r.project, 'status', to, 'run', int(r.run))
  local kind = 'reference.' .. to
  owe({ project = r.project, type = kind, subject = r.id, name = r.id .. ' ' .. int(r.run) .. ' ' .. kind, key = r.key }, nil, nil, now)
end

-- v: { error, message, upstream }
local function fail_reference(r, v, retryable, now)
  local e = { code = v.error, message = v.message, retryable = retryable }
  if v.upstream ~= '' then e.upstream = cjson.decode(v.upstream) end
  redis.call('HSET', r.key, 'error', cjson.encode(e))
  move_reference(r, 'failed', now)
end

-- An upload gave no ids. True when that ends it. An upload is never billed, so both limits are one here.
-- v: { counts, error, message, upstream }
local function count_failure(r, v, most, now)
  if v.counts == 'nothing' then return false end
  r.counted = redis.call('HINCRBY', r.key, 'counted', 1)
  if v.counts ~= 'ends_run' and r.counted < most then return false end
  fail_reference(r, v, v.counts ~= 'ends_run', now)
  return true
end
