-- Shared by all scripts: time, the record and its one way of changing state.
-- @include packed-words.lua
local root = KEYS[1]

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end

-- Lua prints large numbers in scientific notation.
local function int(n)
  return string.format('%.0f', n)
end

-- Ms until a worker that is silent from here on counts as dead; 0 when it does by now.
local function alive_for(worker, lease, now)
  local seen = tonumber(redis.call('ZSCORE', root .. 'workers', worker) or '0')
  return math.max(seen + lease - now, 0)
end

-- A probe, of a hold or of the breaker, whose worker lives and may still bring it back.
local function probe_open(p, lease, now)
  if not p.probe or p.probe_until <= now then return false end
  return not p.prober or alive_for(p.prober, lease, now) > 0
end

local SETTLED = { succeeded = true, failed = true, canceled = true, needs_review = true }

-- Settled records wait for their next step in one of these, by the time they finished: `settled` are still
-- whole hashes, `songs` have audio to be removed one day, `records` nothing but themselves.
local KEPT = { 'settled', 'songs', 'records' }
local function keep_in(id, set, finished_at)
  for _, each in ipairs(KEPT) do
    if each ~= set then redis.call('ZREM', root .. 'keep:' .. each, id) end
  end
  if set then redis.call('ZADD', root .. 'keep:' .. set, finished_at, id) end
end

-- A record that `retain` packed into one string becomes a hash again, to be packed again later.
local function unpack_record(id, key)
  local packed = redis.call('HGET', key, 'packed')
  if not packed then return false end
  local time, token, trace, rest = string.match(packed, '^([^\31]*)\31([^\31]*)\31([^\31]*)\31(.*)$')
  local words = packed_codes()
  words['\27'], words['\28'], words['\29'], words['\30'] = time, token, trace, id
  local text = string.gsub(rest, '\26.', words)
  text = string.gsub(text, '[\1-\30]', words)
  local name
  for part in string.gmatch(text .. '\31', '([^\31]*)\31') do
    if not name then name = part
    else
      redis.call('HSET', key, name, part)
      -- `t:` finds an attempt by its token; packing leaves it out.
      local number = string.match(name, '^a:(%d+)$')
      if number then redis.call('HSET', key, 't:' .. cjson.decode(part).token, number) end
      if name == 'ordinal' then redis.call('HSET', key, 'created_at', int(math.floor(tonumber(part) / 1000))) end
      if name == 'finished_at' then keep_in(id, 'settled', part) end
      name = nil
    end
  end
  redis.call('HDEL', key, 'packed')
  return true
end

local function deciding_fields(key)
  return redis.call('HMGET', key, 'project', 'status', 'run', 'ordinal', 'priority', 'token', 'worker',
    'not_before', 'counted', 'unknown', 'model', 'answered', 'song', 'spare', 'rl_since', 'policy', 'batch_id')
end

-- The few fields that decide; nil when there is no such record.
local function load(id)
  local key = root .. 'g:' .. id
  local f = deciding_fields(key)
  if not f[1] and unpack_record(id, key) then f = deciding_fields(key) end
  if not f[1] then return nil end
  return {
    id = id, key = key, project = f[1], status = f[2], run = tonumber(f[3]), ordinal = f[4], priority = f[5],
    token = f[6], worker = f[7], not_before = tonumber(f[8] or '0'), counted = tonumber(f[9] or '0'),
    unknown = tonumber(f[10] or '0'), model = f[11], answered = f[12], song = f[13], spare = f[14],
    rl_since = tonumber(f[15] or '0'), policy = f[16], batch = f[17],
  }
end

-- The capped stream is a hint for live readers; the record's own history is what lasts.
local function announce(kind, ...)
  redis.call('XADD', root .. 'events', 'MAXLEN', '~', '100000', '*', 'type', kind, ...)
end

-- How many wait, scheduled ones too, and those of batches that are not recorded yet. It is counted anew once an hour, so that no error in it lasts.
local WAITING = { queued = 1, scheduled = 1 }
local function count_waiting()
  local known = redis.call('GET', root .. 'waiting')
  if known then return tonumber(known) end
  local waiting = 0
  for _, project in ipairs(redis.call('SMEMBERS', root .. 'projects')) do
    for status in pairs(WAITING) do waiting = waiting + redis.call('ZCARD', root .. 'l:' .. project .. ':' .. status) end
  end
  for _, batch in ipairs(redis.call('ZRANGE', root .. 'ingesting', 0, -1)) do
    local f = redis.call('HMGET', root .. 'b:' .. batch, 'valid', 'ingested')
    waiting = waiting + tonumber(f[1] or '0') - tonumber(f[2] or '0')
  end
  redis.call('SET', root .. 'waiting', waiting, 'EX', 3600)
  return waiting
end

-- @include deliveries.lua
-- @include batch.lua
-- The only place where a status changes: index, counter, sequence, history, event and the deliveries owed move together.
local HISTORY = 100
local function transition(g, to, now)
  local list = root .. 'l:' .. g.project
  local from = g.status
  if g.status then redis.call('ZREM', list .. ':' .. g.status, g.id) end
  redis.call('ZADD', list .. ':' .. to, g.ordinal, g.id)
  local more = (WAITING[to] or 0) - (WAITING[g.status] or 0)
  if more ~= 0 and redis.call('EXISTS', root .. 'waiting') == 1 then redis.call('INCRBY', root .. 'waiting', more) end
  local sequence = redis.call('HINCRBY', g.key, 'sequence', 1)
  redis.call('HSET', g.key, 'status', to, 'h:' .. sequence, to .. '|' .. int(g.run) .. '|' .. int(now))
  if sequence > HISTORY then redis.call('HDEL', g.key, 'h:' .. (sequence - HISTORY)) end
  if SETTLED[g.status] then keep_in(g.id, nil) end
  if SETTLED[to] then
    redis.call('HSET', g.key, 'finished_at', int(now))
    -- What needs review waits for a person, however long that takes.
    if to ~= 'needs_review' then keep_in(g.id, 'settled', int(now)) end
  end
  g.status = to
  announce('generation.' .. to, 'id', g.id, 'project', g.project, 'sequence', sequence, 'status', to, 'run', int(g.run))
  owe_generation(g, to, sequence, SETTLED[to], now)
  if g.batch then move_in_batch(g.batch, from, to, now) end
end
