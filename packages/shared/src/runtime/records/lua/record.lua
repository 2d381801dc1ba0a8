-- Shared by all scripts: time, the record and its one way of changing state.
local root = KEYS[1]

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end

-- Lua prints large numbers in scientific notation.
local function int(n)
  return string.format('%.0f', n)
end

local SETTLED = { succeeded = true, failed = true, canceled = true, needs_review = true }

-- The few fields that decide; nil when there is no such record.
local function load(id)
  local key = root .. 'g:' .. id
  local f = redis.call('HMGET', key, 'project', 'status', 'run', 'ordinal', 'priority', 'token', 'worker',
    'not_before', 'counted', 'unknown', 'model', 'answered', 'song', 'spare', 'rl_since', 'policy')
  if not f[1] then return nil end
  return {
    id = id, key = key, project = f[1], status = f[2], run = tonumber(f[3]), ordinal = f[4], priority = f[5],
    token = f[6], worker = f[7], not_before = tonumber(f[8] or '0'), counted = tonumber(f[9] or '0'),
    unknown = tonumber(f[10] or '0'), model = f[11], answered = f[12], song = f[13], spare = f[14],
    rl_since = tonumber(f[15] or '0'), policy = f[16],
  }
end

-- The capped stream is a hint for live readers; the record's own history is what lasts.
local function announce(kind, ...)
  redis.call('XADD', root .. 'events', 'MAXLEN', '~', '100000', '*', 'type', kind, ...)
end

-- The only place where a status changes: index, sequence, history and event move together.
local HISTORY = 100
local function transition(g, to, now)
  local list = root .. 'l:' .. g.project
  if g.status then redis.call('ZREM', list .. ':' .. g.status, g.id) end
  redis.call('ZADD', list .. ':' .. to, g.ordinal, g.id)
  local sequence = redis.call('HINCRBY', g.key, 'sequence', 1)
  redis.call('HSET', g.key, 'status', to, 'h:' .. sequence, to .. '|' .. int(g.run) .. '|' .. int(now))
  if sequence > HISTORY then redis.call('HDEL', g.key, 'h:' .. (sequence - HISTORY)) end
  if SETTLED[to] then redis.call('HSET', g.key, 'finished_at', int(now)) end
  g.status = to
  announce('generation.' .. to, 'id', g.id, 'project', g.project, 'sequence', sequence, 'status', to, 'run', int(g.run))
end
